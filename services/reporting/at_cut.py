"""Documents as they stood at a cut of the log: the current ones, and the history of those that have moved on. Called by
facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.reporting.documents import Document, ReadModels, Where

Cut = Mapping[str, int]
NO_BOUND = 2**62


@dataclass(frozen=True, slots=True)
class AtCut:
    """Reads at `cut` (next offset per partition of the inspections log) and `alerts_cut` (of the alerts topic), or all
    that is there (None).

    Everything derived from before the cut has been projected, and a document is only ever replaced by a later one: one
    that stands before the cut stood at it; for one beyond it, the last version before the cut is kept in its history.
    Only those few are read twice, so that a freeze never has to wait for a quiet moment.
    """

    models: ReadModels
    cut: Cut | None = None
    alerts_cut: Cut | None = None

    async def round(self, round_id: str, unit_id: str) -> Document | None:
        """The round as opened in the unit."""
        row = await self.models.get("rounds", f"{round_id}:{unit_id}")
        if row is None or _before(self.cut, row["log_position"]):
            return row
        past = await self.models.find("round_history", {"round_id": round_id, "unit_id": unit_id}, sort=("-revision",))
        return next((one for one in past if _before(self.cut, one["log_position"])), None)

    async def next_round(self, round_id: str, unit_id: str) -> Document | None:
        """The round that was opened in the unit after this one."""
        later: Where = {"unit_id": unit_id, "round_id": {"$gt": round_id}}
        for row in await self.models.find("rounds", later, sort=("round_id",), fields=("round_id",)):
            if opened := await self.round(row["round_id"], unit_id):
                return opened
        return None

    async def unit_row(self, row: Document) -> Document | None:
        """A row of `unit_rounds`."""
        position = row["data"]["log_position"]
        if _before(self.cut, position):
            return row
        bound = self._bound(str(position["partition"]))
        where = {"unit_id": row["unit_id"], "round_id": row["round_id"], "order": {"$lt": bound}}
        found = await self.models.find("risk_history", where, sort=("-order",), limit=1)
        return found[0] if found else None

    async def enterprises(self, round_id: str, unit_id: str, partition: str) -> list[Document]:
        """The unit's enterprises as assessed in the round."""
        rows = await self.models.find("enterprise_rounds", {"unit_id": unit_id, "round_id": round_id})
        bound = self._bound(partition)
        found = [row for row in rows if row["order"] < bound]
        for row in rows:
            if row["order"] >= bound:
                name = {"unit_id": unit_id, "enterprise_id": row["enterprise_id"]}
                found += await self._last("enterprise_history", name | {"round_id": round_id}, bound)
        return sorted(found, key=_by_enterprise)

    async def findings(self, round_id: str, unit_id: str, partition: str) -> list[Document]:
        """The findings that stand in the round of the unit, drills left out: those assessed in it, those carried over
        into it and closed, and in the unit's current round those carried over that nothing has happened to since.
        """
        bound = self._bound(partition)
        own: Where = {"unit_id": unit_id, "round_id": round_id, "drill": False, "order": {"$lt": bound}}
        found = {_finding_id(row): row for row in await self.models.find("finding_rounds", own)}
        current = await self._is_current(round_id, unit_id, bound)
        if current:
            carried: Where = {"unit_id": unit_id, "drill": False, "standing": True, "round_id": {"$lt": round_id}}
            for row in await self.models.find("findings", carried):
                if row["order"] < bound:
                    found.setdefault(_finding_id(row), row)
        moved: Where = {"unit_id": unit_id, "order": {"$gte": bound}, "drill": False}
        for row in await self.models.find("findings", moved, fields=("order",)):
            for past in await self._last("finding_history", {"finding_id": row["_id"], "unit_id": unit_id}, bound):
                stood = current and past["standing"] and past["round_id"] < round_id
                if past["round_id"] == round_id or stood:
                    found.setdefault(row["_id"], past)
        for row in await self._closed_in(round_id, unit_id, bound):
            found.setdefault(_finding_id(row), row)  # one that was opened again is among the others
        return [found[name] for name in sorted(found)]

    async def _closed_in(self, round_id: str, unit_id: str, bound: int) -> list[Document]:
        """The closings of earlier rounds' findings from the round's opening to the next one's, the last first."""
        later: Where = {"unit_id": unit_id, "round_id": {"$gt": round_id}}
        next_rounds = await self.models.find("rounds", later, sort=("round_id",), limit=1, fields=("round_id",))
        begun = await self._opening(round_id, unit_id)
        ended = min([bound, *[await self._opening(row["round_id"], unit_id) for row in next_rounds]])
        where: Where = {"unit_id": unit_id, "order": {"$gte": begun, "$lt": ended}}
        rows = await self.models.find("carried_closings", where, sort=("-order",))
        return [row for row in rows if row["round_id"] < round_id]

    async def _opening(self, round_id: str, unit_id: str) -> int:
        """The offset of the round's first opening in the unit."""
        where = {"round_id": round_id, "unit_id": unit_id}
        (first,) = await self.models.find("round_history", where, sort=("revision",), limit=1, fields=("log_position",))
        return int(first["log_position"]["offset"])

    async def alerts(self, unit_id: str) -> list[Document]:
        """The unit's alerts, drills left out."""
        found = []
        for row in await self.models.find("alerts", {"unit_id": unit_id, "drill": False}):
            if _before(self.alerts_cut, row["log_position"]):
                found.append(row)
                continue
            steps = await self.models.find("alert_steps", {"alert_id": row["_id"]}, sort=("-version",))
            past = next((step for step in steps if _before(self.alerts_cut, step["log_position"])), None)
            found += [past | {"_id": row["_id"]}] if past else []
        return found

    async def answers(self, unit_id: str) -> dict[str, str]:
        """When each alert of the unit was first acknowledged."""
        rows = await self.models.find("answers", {"unit_id": unit_id, "drill": False}, sort=("-at",))
        return {row["alert_id"]: row["at"] for row in rows if _before(self.alerts_cut, row["log_position"])}

    async def guidance(self, round_id: str, unit_id: str) -> list[Document]:
        """The expert team's guidance records, drills left out."""
        where = {"unit_id": unit_id, "round_id": round_id, "type": "guidance.recorded", "drill": False}
        rows = await self.models.find("submissions", where, sort=("at", "_id"))
        return [row["data"] for row in rows if _before(self.cut, row["log_position"])]

    async def _is_current(self, round_id: str, unit_id: str, bound: int) -> bool:
        row: Document | None = await self.models.get("units", unit_id)
        if row is not None and row["order"] >= bound:
            found = await self._last("risk_history", {"unit_id": unit_id}, bound)
            row = found[0] if found else None
        return row is not None and row["round_id"] == round_id

    def _bound(self, partition: str) -> int:
        return NO_BOUND if self.cut is None else self.cut.get(partition, 0)

    async def _last(self, collection: str, where: Where, bound: int) -> list[Document]:
        return await self.models.find(collection, {**where, "order": {"$lt": bound}}, sort=("-order",), limit=1)


def _before(cut: Cut | None, position: Mapping[str, int]) -> bool:
    return cut is None or position["offset"] < cut.get(str(position["partition"]), 0)


def _finding_id(row: Document) -> str:
    return str(row["data"]["finding_id"])


def _by_enterprise(row: Document) -> str:
    return str(row["enterprise_id"])
