"""Reads what an evaluation is made of from the read models, exactly as it stood at one cut-off. Called by freezing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.reporting.documents import Document, ReadModels
from services.reporting.round_findings import findings_in_round
from services.reporting.rules.alert_response import AlertAnswer
from services.reporting.rules.evaluation import UnitFacts
from services.reporting.rules.short_boards import Peer, as_peer
from shared.events.inspections import RoundOpened
from shared.events.risk import EnterpriseAssessed, FindingAssessed, UnitAssessed
from shared.registry import Registry

ALERT_FIELDS = ("data.kind", "data.severity", "data.state", "data.tier", "opened_at", "data.opened_at")


class Moved(Exception):
    """A document already stands beyond the cut-off: another cut-off must be taken."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts at `cut` (next offset per partition of the inspections log).

    Everything derived from before the cut has been projected. A document is only ever replaced by a later one, so
    one that
    stands before the cut is the one that stood at it; one beyond raises `Moved`.
    """

    models: ReadModels
    registry: Registry
    cut: Mapping[str, int]

    async def units_of_round(self, round_id: str) -> list[str]:
        """The units that have a risk result in the round."""
        rows = await self.models.find("unit_rounds", {"round_id": round_id}, fields=("unit_id",))
        return sorted(row["unit_id"] for row in rows)

    async def of_unit(self, round_id: str, unit_id: str) -> UnitFacts | None:
        """The unit's facts; None when the round never opened there."""
        opened = await self.models.get("rounds", f"{round_id}:{unit_id}")
        rows = await self.models.find("unit_rounds", {"unit_id": unit_id}, sort=("round_id",))
        history = [unit for row in rows if row["round_id"] <= round_id and (unit := await self._at_cut(row))]
        if opened is None or not history or history[-1].round_id != round_id:
            return None
        where = {"unit_id": unit_id, "round_id": round_id}
        enterprises = await self._read("enterprise_rounds", where, EnterpriseAssessed)
        enrolment = self.registry.enrolment(round_id, unit_id) or {}
        named = self.registry.unit(unit_id) or {}
        return UnitFacts(
            unit=history[-1],
            round=RoundOpened.model_validate(opened["data"]),
            name=named.get("name") or {},
            history=history,
            everyone=await self._peers(round_id),
            enterprises=enterprises,
            findings=await self._findings(round_id, unit_id),
            answers=await self._answers(unit_id, opened),
            guidance_records=await self._guidance(round_id, unit_id),
            enterprise_names={row.enterprise_id: self._enterprise_name(row.enterprise_id) for row in enterprises},
            decided_by=enrolment.get("decided_by"),
            decided_reason=enrolment.get("reason"),
            synthetic=bool(named.get("synthetic")),
        )

    async def _peers(self, round_id: str) -> list[Peer]:
        rows = await self.models.find("unit_rounds", {"round_id": round_id}, sort=("unit_id",))
        return [as_peer(unit) for row in rows if (unit := await self._at_cut(row))]

    async def _at_cut(self, row: Document) -> UnitAssessed | None:
        """The unit's result as it stood at the cut: the row's own, or from the history when the row is ahead."""
        position = row["data"]["log_position"]
        if self._is_before_cut(position):
            return UnitAssessed.model_validate(row["data"])
        bound = {"$lt": self.cut.get(str(position["partition"]), 0)}
        where = {"unit_id": row["unit_id"], "round_id": row["round_id"], "order": bound}
        found = await self.models.find("risk_history", where, sort=("-order",), limit=1)
        return UnitAssessed.model_validate(found[0]["data"]) if found else None

    async def _findings(self, round_id: str, unit_id: str) -> list[FindingAssessed]:
        found = await findings_in_round(self.models, round_id, unit_id)
        return [FindingAssessed.model_validate(self._before_cut(row)["data"]) for row in found]

    async def _answers(self, unit_id: str, opened: Document) -> list[AlertAnswer]:
        windows = opened["data"]["windows"].values()
        begun = min((window["from"] for window in windows), default="")
        alerts = await self.models.find("alerts", {"unit_id": unit_id, "drill": False})
        first = await self._first_answers(unit_id)
        rows = [_answer(row, first.get(row["_id"])) for row in alerts]
        return [row for row in rows if not begun or row.opened_at >= datetime.fromisoformat(begun)]

    async def _first_answers(self, unit_id: str) -> dict[str, str]:
        rows = await self.models.find(
            "answers", {"unit_id": unit_id, "drill": False}, sort=("-at",), fields=("alert_id", "at")
        )
        return {row["alert_id"]: row["at"] for row in rows}

    async def _guidance(self, round_id: str, unit_id: str) -> list[Mapping[str, Any]]:
        where = {"unit_id": unit_id, "round_id": round_id, "type": "guidance.recorded"}
        rows = await self.models.find("submissions", where, sort=("at", "_id"))
        return [row["data"] for row in rows if not row["drill"] and self._is_before_cut(row["log_position"])]

    async def _read(
        self, collection: str, where: Mapping[str, Any], model: type[EnterpriseAssessed]
    ) -> Sequence[EnterpriseAssessed]:
        return [
            model.model_validate(self._before_cut(row)["data"]) for row in await self.models.find(collection, where)
        ]

    def _before_cut(self, row: Document) -> Document:
        if not self._is_before_cut(row["data"]["log_position"]):
            raise Moved
        return row

    def _is_before_cut(self, position: Mapping[str, int]) -> bool:
        return position["offset"] < self.cut.get(str(position["partition"]), 0)

    def _enterprise_name(self, enterprise_id: str) -> dict[str, str]:
        name = (self.registry.enterprise(enterprise_id) or {}).get("name") or enterprise_id
        return {"zh": name, "en": name} if isinstance(name, str) else dict(name)


def _answer(row: Document, acknowledged_at: str | None) -> AlertAnswer:
    data = row["data"]
    return AlertAnswer(
        alert_id=row["_id"],
        kind=data["kind"],
        severity=data["severity"],
        state=data["state"],
        opened_at=data["opened_at"],
        acknowledged_at=datetime.fromisoformat(acknowledged_at) if acknowledged_at else None,
        escalated=data["tier"] != "county",
    )
