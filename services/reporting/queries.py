"""What the API and the pages read: one function per answer, over the read models and the registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.reporting.at_cut import AtCut
from services.reporting.documents import Document, ReadModels, stamp
from services.reporting.rules.rates import Rate, four_rates, summed
from services.reporting.sequences import merged, missing
from services.reporting.tally import Tally
from shared.events.risk import EnterpriseAssessed, FindingAssessed
from shared.registry import Registry

_SCORED = ("applied", "superseded", "drill", "dead_lettered")


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of the live generation. Scope is decided by the callers."""

    models: ReadModels
    registry: Registry
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tally", Tally(self.models))

    async def units(self, ids: Sequence[str]) -> list[Document]:
        """A line per unit, in the order given; units without a result have no colour."""
        rows = await self.models.get_many("units", ids)
        return [self._unit_line(name, rows.get(name)) for name in ids]

    async def units_in_round(self, round_id: str, ids: Sequence[str]) -> list[Document]:
        """A line per unit as it stood in a round, with the guidance given."""
        rows = await self.models.get_many("unit_rounds", [f"{name}:{round_id}" for name in ids])
        found = [(name, rows.get(f"{name}:{round_id}")) for name in ids]
        return [
            self._unit_line(name, row) | {"guidance": row["data"]["guidance"] if row else {}} for name, row in found
        ]

    async def risk(self, unit_id: str, round_id: str | None = None, as_of: datetime | None = None) -> Document | None:
        """The unit's assessment (`data` of `unit.assessed`): now, in a round, or as it was known at a time."""
        if as_of is not None:
            where: dict[str, Any] = {"unit_id": unit_id, "at": {"$lte": stamp(as_of)}}
            if round_id is not None:
                where["round_id"] = round_id
            found = await self.models.find("risk_history", where, sort=("-at", "-order"), limit=1)
            return found[0] if found else None
        if round_id is not None:
            return await self.models.get("unit_rounds", f"{unit_id}:{round_id}")
        return await self.models.get("units", unit_id)

    async def findings(self, where: Mapping[str, Any], after: str | None, limit: int) -> list[Document]:
        """Findings that fit, by id."""
        bound = {"_id": {"$gt": after}} if after else {}
        return await self.models.find("findings", {**where, "drill": False, **bound}, limit=limit)

    async def enterprise(self, enterprise_id: str) -> Document | None:
        """The enterprise as it stands in its unit; one that moved is kept in both, the later one counts."""
        found = await self.models.find("enterprises", {"enterprise_id": enterprise_id}, sort=("-at",), limit=1)
        return found[0] if found else None

    async def enterprises_of(self, unit_id: str, after: str | None = None, limit: int = 0) -> list[Document]:
        """The enterprises of a unit as they stand, by id."""
        bound = {"_id": {"$gt": after}} if after else {}
        return await self.models.find("enterprises", {"unit_id": unit_id, **bound}, limit=limit)

    async def alerts(self, where: Mapping[str, Any], limit: int = 50) -> list[Document]:
        """Alerts, the newest first."""
        return await self.models.find("alerts", {**where, "drill": False}, sort=("-opened_at", "-_id"), limit=limit)

    async def trend(self, unit_id: str, limit: int = 60) -> list[Document]:
        """The last results of the unit, earliest first: time, index and colour."""
        fields = ("at", "round_id", "data.index", "data.colour", "data.provisional")
        rows = await self.models.find(
            "risk_history", {"unit_id": unit_id}, sort=("-at", "-order"), limit=limit, fields=fields
        )
        return rows[::-1]

    async def colour_before(self, unit_id: str, moment: datetime) -> Document | None:
        """The unit's last result before a time: colour and index."""
        where = {"unit_id": unit_id, "at": {"$lt": stamp(moment)}}
        fields = ("colour", "data.index")
        found = await self.models.find("risk_history", where, sort=("-at", "-order"), limit=1, fields=fields)
        return found[0] if found else None

    async def visits(self, round_id: str) -> dict[str, list[Document]]:
        """The guidance given to each unit in a round, the last first."""
        where = {"round_id": round_id, "type": "guidance.recorded", "drill": False}
        found: dict[str, list[Document]] = {}
        for row in await self.models.find("submissions", where, sort=("-data.on", "_id")):
            found.setdefault(row["unit_id"], []).append(row["data"])
        return found

    async def recent(self, unit_id: str, limit: int) -> list[Document]:
        """What was submitted for a unit last."""
        where = {"unit_id": unit_id, "drill": False}
        return await self.models.find("submissions", where, sort=("-at", "-_id"), limit=limit)

    async def came_in(self, since: datetime, unit_ids: Sequence[str] | None, limit: int) -> list[Document]:
        """What was submitted since a time, the newest first: of all units (None) or of some."""
        return await self._since("submissions", "at", since, unit_ids, limit)

    async def alerts_since(self, since: datetime, unit_ids: Sequence[str] | None, limit: int) -> list[Document]:
        """The alerts opened since a time, the newest first: of all units (None) or of some."""
        return await self._since("alerts", "opened_at", since, unit_ids, limit)

    async def _since(
        self, collection: str, field: str, since: datetime, unit_ids: Sequence[str] | None, limit: int
    ) -> list[Document]:
        where: dict[str, Any] = {"drill": False, field: {"$gte": stamp(since)}}
        scopes = [where] if unit_ids is None else [where | {"unit_id": name} for name in unit_ids]
        sort = (f"-{field}", "-_id")
        found = [row for one in scopes for row in await self.models.find(collection, one, sort=sort, limit=limit)]
        return sorted(found, key=lambda row: str(row[field]), reverse=True)[:limit]

    async def round_units(self, round_id: str) -> dict[str, Document]:
        """The round as opened in each unit."""
        rows = await self.models.find("rounds", {"round_id": round_id}, sort=("unit_id",))
        return {row["unit_id"]: row["data"] for row in rows}

    async def rates(self, round_id: str, unit_id: str) -> tuple[Rate, ...]:
        """The four 100 % rates of a unit in a round; empty when the round never opened there."""
        opened = await self.models.get("rounds", f"{round_id}:{unit_id}")
        unit = await self.models.get("unit_rounds", f"{unit_id}:{round_id}")
        if opened is None or unit is None:
            return ()
        enterprises = await self.models.find("enterprise_rounds", {"unit_id": unit_id, "round_id": round_id})
        findings = await AtCut(self.models).findings(round_id, unit_id, str(unit["data"]["log_position"]["partition"]))
        return four_rates(
            unit["data"]["counts"],
            opened["data"]["enterprises"],
            [EnterpriseAssessed.model_validate(row["data"]) for row in enterprises],
            [FindingAssessed.model_validate(row["data"]) for row in findings],
        )

    async def indicators(self, round_id: str, unit_ids: Sequence[str]) -> Document:
        """The four rates of some units of a round with who is behind, and over all of them."""
        found = {name: await self.rates(round_id, name) for name in unit_ids}
        total = summed([{rate.id: rate for rate in rates} for rates in found.values() if rates])
        return {
            "round_id": round_id,
            "rates": {name: rate.model_dump(mode="json") for name, rate in total.items()},
            "units": {name: [rate.model_dump(mode="json") for rate in rates] for name, rates in found.items()},
        }

    async def completeness(self) -> dict[str, Any]:
        """Accepted, scored and projected submissions; `missing` is what has not come through both ways yet."""
        counts = self.registry.all("counts").values()
        accepted = sum(int(count.get("accepted", 0)) for count in counts)
        folds = [row["data"] for row in await self.models.find("folds", {})]
        scored = sum(fold[name] for fold in folds for name in _SCORED)
        projected = await self.tally.seen()
        return {
            "accepted": accepted,
            "scored": scored,
            "projected": projected,
            "missing": max(0, accepted - min(scored, projected)),
            "by_enterprise": await self._gaps(folds),
        }

    async def _gaps(self, folds: Sequence[Document]) -> list[Document]:
        gapped = await self.models.find("subjects", {"gapped": True}, limit=500)
        by_subject: dict[str, Document] = {}
        names = sorted({row["subject"] for row in gapped})
        everywhere: dict[str, list[Document]] = {name: [] for name in names}
        for row in await self.models.find("subjects", {"subject": {"$in": names}}) if names else ():
            everywhere[row["subject"]].append(row)
        for subject, rows in everywhere.items():
            absent = missing(merged([span for row in rows for span in row["spans"]]))
            if absent:
                by_subject[subject] = {"subject": subject, "unit_id": rows[-1]["unit_id"], "not_projected": absent}
        # Scoring counts within a unit: where a subject has moved to one, its sequence begins there with a jump.
        moved = {subject for subject, rows in everywhere.items() if len(rows) > 1}
        for fold in folds:
            for subject, jumps in fold["gaps"].items():
                if subject not in moved:
                    by_subject.setdefault(subject, {"subject": subject})["not_scored"] = jumps
        return [by_subject[name] for name in sorted(by_subject)]

    def _unit_line(self, id: str, row: Document | None) -> Document:
        unit = self.registry.unit(id) or {}
        data = row["data"] if row else {}
        return {
            "unit_id": id,
            "name": unit.get("name"),
            "kind": unit.get("kind"),
            "synthetic": bool(unit.get("synthetic")),
            "round_id": data.get("round_id"),
            "guidance_class": data.get("guidance_class"),
            "index": data.get("index"),
            "colour": data.get("colour"),
            "colour_without_vetoes": data.get("colour_without_vetoes"),
            "provisional": data.get("provisional"),
            "vetoes": [veto["id"] for veto in data.get("vetoes", ())],
            "counts": data.get("counts", {}),
            "as_of": data.get("as_of"),
            "at": row["at"] if row else None,
            "log_position": data.get("log_position"),
        }


def risk_answer(data: Document) -> Document:
    """The contract's `risk` shape of a unit's assessment."""
    return {
        "unit_id": data["unit_id"],
        "round_id": data["round_id"],
        "guidance_class": data["guidance_class"],
        "index": data["index"],
        "colour": data["colour"],
        "provisional": data["provisional"],
        "components": [
            {name: component[name] for name in ("id", "score", "weight", "inputs")} for component in data["components"]
        ],
        "vetoes": [veto["id"] for veto in data["vetoes"]],
        "rule_sets": [f"{ref['id']}@{ref['version']}" for ref in data["rule_sets"]],
        "log_position": data["log_position"],
        "as_of": data["as_of"],
    }


def explain_answer(data: Document) -> Document:
    """The `risk` shape with clauses, causes, the colour without vetoes and the smallest changes."""
    return risk_answer(data) | {
        "components": data["components"],
        "vetoes": data["vetoes"],
        "colour_without_vetoes": data["colour_without_vetoes"],
        "smallest_change": data["smallest_change"],
        "counts": data["counts"],
        "rule_set_hashes": {f"{ref['id']}@{ref['version']}": ref["sha256"] for ref in data["rule_sets"]},
    }
