"""The findings that stand in a round of a unit, as evaluations and indicators count them."""

from services.reporting.documents import Document, ReadModels


async def findings_in_round(models: ReadModels, round_id: str, unit_id: str) -> list[Document]:
    """Documents of the findings assessed in the round; in the unit's current round also those carried over that nothing
    has happened to since, whose last word is from an earlier round. Drills are left out.
    """
    found = await models.find("finding_rounds", {"unit_id": unit_id, "round_id": round_id, "drill": False})
    unit = await models.get("units", unit_id)
    if unit is None or unit["round_id"] != round_id:
        return found
    carried = {"unit_id": unit_id, "drill": False, "standing": True, "round_id": {"$lt": round_id}}
    return found + await models.find("findings", carried)
