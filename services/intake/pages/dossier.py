"""An enterprise's findings as its submissions tell them: each stage's verdict, due date, steps. Pure; for the pages.

Whether a finding is open, disputed or closed is decided by scoring and shown by reporting; nothing here judges it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.intake.records import Submission
from shared.events.base import normalise_ref

_TOLD = dict.fromkeys(("grade", "location", "description", "measure", "due_on", "evidence"))
_STEP = dict.fromkeys(("due_on", "reason", "evidence"))
STAGES = ("self_inspection", "re_examination", "expert_verification")


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


def dossier(accepted: Iterable[tuple[Submission, Mapping[str, Any]]], every_major: Iterable[str] = ()) -> list[Entry]:
    """The findings of inspections and rectifications (each with the body that was sent), those still at work first.
    `every_major` names the checklists on which a finding is major without saying so.
    """
    found: dict[str, Entry] = {}
    majors = frozenset(every_major)
    for submission, body in sorted(accepted, key=lambda each: each[0].seq):
        if submission.kind == "inspection":
            _inspected(found, submission, body, always_major=body["checklist"] in majors)
        elif submission.kind == "rectification" and body["finding_id"] in found:
            _stepped(found[body["finding_id"]], submission, body)
    return sorted(found.values(), key=_order)


def _inspected(found: dict[str, Entry], submission: Submission, body: Mapping[str, Any], *, always_major: bool) -> None:
    named = {(each.item, normalise_ref(each.ref)): str(each.finding_id) for each in submission.findings}
    answered = {result["item"]: result for result in body["results"]}
    told = {"round_id": body["round_id"], "inspected_on": body["inspected_on"]}
    for entry in found.values():
        same = entry.checklist == body["checklist"] and entry.drill == submission.drill
        if same and entry.finding_id not in named.values() and entry.item in answered:
            # Another place of the same item was reported: of this one the stage says nothing any more.
            outcome = answered[entry.item]["outcome"]
            entry.verdicts[body["stage"]] = _TOLD | told | {"outcome": "absent" if outcome == "finding" else outcome}
    for result in body["results"]:
        id = named.get((result["item"], normalise_ref(result.get("ref") or "")))
        if result["outcome"] == "finding" and id is not None:
            entry = found.setdefault(
                id, Entry(id, body["checklist"], result["item"], result.get("ref") or "", submission.drill)
            )
            grade = "major" if always_major else result.get("grade")
            entry.verdicts[body["stage"]] = _TOLD | result | told | {"grade": grade}
            entry.reported = submission.seq


def _stepped(entry: Entry, submission: Submission, body: Mapping[str, Any]) -> None:
    entry.steps.append(_STEP | body | {"seq": submission.seq})
    if body["action"] == "extended":
        entry.extended_to = body.get("due_on")


def _order(entry: Entry) -> tuple[bool, bool, str, str]:
    return (entry.last_step == "verified", entry.grade != "major", entry.due_on or "9999", entry.finding_id)
