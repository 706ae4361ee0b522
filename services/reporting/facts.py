"""Reads what an evaluation is made of from the read models, exactly as it stood at one cut-off. Called by freezing."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.reporting.at_cut import AtCut
from services.reporting.documents import Document
from services.reporting.item_titles import Titles
from services.reporting.rules.alert_response import AlertAnswer
from services.reporting.rules.evaluation import UnitFacts
from services.reporting.rules.short_boards import Peer, as_peer
from shared.events.inspections import RoundOpened
from shared.events.risk import EnterpriseAssessed, FindingAssessed, UnitAssessed
from shared.registry import Registry

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts as `reads` gives them at one cut; a round's peers are read once."""

    reads: AtCut
    registry: Registry
    item_titles: Titles
    _peers_of: dict[str, list[Peer]] = field(default_factory=dict)

    async def units_of_round(self, round_id: str) -> list[str]:
        """The units that have a risk result in the round."""
        rows = await self.reads.models.find("unit_rounds", {"round_id": round_id}, fields=("unit_id",))
        return sorted(row["unit_id"] for row in rows)

    async def of_unit(self, round_id: str, unit_id: str) -> UnitFacts | None:
        """The unit's facts; None when the round never opened there."""
        opened = await self.reads.round(round_id, unit_id)
        where = {"unit_id": unit_id, "round_id": {"$lte": round_id}}
        rows = await self.reads.models.find("unit_rounds", where, sort=("round_id",))
        history = [unit for row in rows if (unit := await self._unit(row))]
        if opened is None or not history or history[-1].round_id != round_id:
            return None
        partition = str(history[-1].log_position.partition)
        assessed = await self.reads.enterprises(round_id, unit_id, partition)
        enterprises = [EnterpriseAssessed.model_validate(row["data"]) for row in assessed]
        findings = await self.reads.findings(round_id, unit_id, partition)
        enrolment = self.registry.enrolment(round_id, unit_id) or {}
        named = self.registry.unit(unit_id) or {}
        return UnitFacts(
            unit=history[-1],
            round=RoundOpened.model_validate(opened["data"]),
            name=named.get("name") or {},
            history=history,
            everyone=await self._peers(round_id),
            enterprises=enterprises,
            findings=[FindingAssessed.model_validate(row["data"]) for row in findings],
            answers=await self._answers(opened),
            guidance_records=await self.reads.guidance(round_id, unit_id),
            enterprise_names={row.enterprise_id: self._enterprise_name(row.enterprise_id) for row in enterprises},
            item_titles=self.item_titles,
            decided_by=enrolment.get("decided_by"),
            decided_reason=enrolment.get("reason"),
            synthetic=bool(named.get("synthetic")),
        )

    async def _peers(self, round_id: str) -> list[Peer]:
        if round_id not in self._peers_of:
            rows = await self.reads.models.find("unit_rounds", {"round_id": round_id}, sort=("unit_id",))
            self._peers_of[round_id] = [as_peer(unit) for row in rows if (unit := await self._unit(row))]
        return self._peers_of[round_id]

    async def _unit(self, row: Document) -> UnitAssessed | None:
        found = await self.reads.unit_row(row)
        return UnitAssessed.model_validate(found["data"]) if found else None

    async def _answers(self, opened: Document) -> list[AlertAnswer]:
        """The answers to the alerts opened from the round's first window on, until that of the unit's next round."""
        round_id, unit_id = opened["round_id"], opened["unit_id"]
        begun, ended = _first_day(opened), _first_day(await self.reads.next_round(round_id, unit_id))
        alerts, first = await self.reads.alerts(unit_id), await self.reads.answers(unit_id)
        rows = [_answer(row, first.get(row["_id"])) for row in alerts]
        return [row for row in rows if (begun or row.opened_at) <= row.opened_at < (ended or _NEVER)]

    def _enterprise_name(self, enterprise_id: str) -> dict[str, str]:
        name = (self.registry.enterprise(enterprise_id) or {}).get("name") or enterprise_id
        return {"zh": name, "en": name} if isinstance(name, str) else dict(name)


def _first_day(opened: Document | None) -> datetime | None:
    windows = opened["data"]["windows"].values() if opened else ()
    return min((datetime.fromisoformat(window["from"]) for window in windows), default=None)


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
