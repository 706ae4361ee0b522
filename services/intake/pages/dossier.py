"""An enterprise's findings as its submissions tell them: each stage's verdict, due date, steps. Pure; for the pages.

Whether a finding is open, disputed or closed is decided by scoring and shown by reporting; nothing here judges it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.intake.rules.becoming import FindingRef
from shared.events.base import normalise_ref

_TOLD = dict.fromkeys(("grade", "location", "description", "measure", "due_on", "evidence"))
_STEP = dict.fromkeys(("due_on", "reason", "evidence"))
STAGES = ("self_inspection", "re_examination", "expert_verification")


@dataclass(frozen=True, slots=True)
class Told:
    """An accepted inspection or rectification: its place in the sequence, its findings, and the body that was sent."""

    kind: str
    seq: int
    body: Mapping[str, Any]
    findings: tuple[FindingRef, ...] = ()
    drill: bool = False


@dataclass(slots=True)
class Entry:
    """One finding: what every stage said last (`verdicts` by stage), and the steps of its rectification in order."""

    finding_id: str
    checklist: str
    item: str
    ref: str
    drill: bool
    verdicts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    steps: list[Mapping[str, Any]] = field(default_factory=list)
    extended_to: str | None = None
    reported: int = 0

    @property
    def said(self) -> Mapping[str, Any]:
        """The words of the highest stage that reported it."""
        told = [self.verdicts[stage] for stage in STAGES if self.verdicts.get(stage, {}).get("outcome") == "finding"]
        return told[-1] if told else _TOLD

    @property
    def grade(self) -> str | None:
        grades = [verdict.get("grade") for verdict in self.verdicts.values()]
        return "major" if "major" in grades else next((grade for grade in grades if grade), None)

    @property
    def due_on(self) -> str | None:
        """The extension, else the date of the highest stage that gave one."""
        given = [self.verdicts[stage].get("due_on") for stage in STAGES if stage in self.verdicts]
        return self.extended_to or next((day for day in reversed(given) if day), None)

    @property
    def last_step(self) -> str | None:
        """The action of the last step, None when it was reported again after it."""
        return str(self.steps[-1]["action"]) if self.steps and self.steps[-1]["seq"] > self.reported else None


def dossier(accepted: Iterable[Told], every_major: Iterable[str] = ()) -> list[Entry]:
    """The findings of inspections and rectifications, those still at work first. `every_major` names the checklists
    on which a finding is major without saying so.
    """
    found: dict[str, Entry] = {}
    majors = frozenset(every_major)
    for told in sorted(accepted, key=lambda each: each.seq):
        if told.kind == "inspection":
            _not_reported(found, told)
            _reported(found, told, always_major=told.body["checklist"] in majors)
        elif told.kind == "rectification" and told.body["finding_id"] in found:
            _stepped(found[told.body["finding_id"]], told)
    return sorted(found.values(), key=_order)


def _not_reported(found: dict[str, Entry], told: Told) -> None:
    """What an inspection says of the findings known before that it does not report itself."""
    named = {str(each.finding_id) for each in told.findings}
    outcomes = {result["item"]: result["outcome"] for result in told.body["results"]}
    for entry in found.values():
        same = entry.checklist == told.body["checklist"] and entry.drill == told.drill
        if same and entry.finding_id not in named and entry.item in outcomes:
            # Another place of the same item was reported: of this one the stage says nothing any more.
            outcome = "absent" if outcomes[entry.item] == "finding" else outcomes[entry.item]
            entry.verdicts[told.body["stage"]] = {**_TOLD, **_when(told), "outcome": outcome}


def _reported(found: dict[str, Entry], told: Told, *, always_major: bool) -> None:
    named = {(each.item, normalise_ref(each.ref)): str(each.finding_id) for each in told.findings}
    for result in told.body["results"]:
        id = named.get((result["item"], normalise_ref(result.get("ref") or "")))
        if result["outcome"] == "finding" and id is not None:
            fresh = Entry(id, told.body["checklist"], result["item"], result.get("ref") or "", told.drill)
            entry = found.setdefault(id, fresh)
            grade = "major" if always_major else result.get("grade")
            entry.verdicts[told.body["stage"]] = {**_TOLD, **result, **_when(told), "grade": grade}
            entry.reported = told.seq


def _when(told: Told) -> Mapping[str, Any]:
    return {"round_id": told.body["round_id"], "inspected_on": told.body["inspected_on"]}


def _stepped(entry: Entry, told: Told) -> None:
    entry.steps.append({**_STEP, **told.body, "seq": told.seq})
    if told.body["action"] == "extended":
        entry.extended_to = told.body.get("due_on")


def _order(entry: Entry) -> tuple[bool, bool, str, str]:
    return (entry.last_step == "verified", entry.grade != "major", entry.due_on or "9999", entry.finding_id)
