"""What a submission becomes, as values, and what all kinds have in common. Used by the makers of each kind."""

import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from services.intake.rules import bodies
from services.intake.rules.faults import Fault, fault
from services.intake.rules.standing import By
from shared.events.base import Submitted

Kind = Literal[
    "inspection",
    "hazard_unit",
    "installation",
    "hazard_unit_withdrawal",
    "installation_withdrawal",
    "rectification",
    "accident",
    "park_assessment",
    "key_task_progress",
    "guidance_record",
]
_UNSET = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FindingRef:
    """A finding as a submission reported it: answered in the 201."""

    item: str
    ref: str
    finding_id: uuid.UUID

    def document(self) -> dict[str, str]:
        return {"item": self.item, "ref": self.ref, "finding_id": str(self.finding_id)}


@dataclass(frozen=True, slots=True)
class Becoming:
    """A body on its way: `data` lacks only its place (`seq`, `accepted_at`, `supersedes`), which the commit gives.

    `version_key`: latest of its kind, empty when none replaces another. `needs`: (pointer, code, what the subject
    must know). `persons`: ids of those it names.
    """

    kind: Kind
    subject: str
    unit_id: str
    enterprise_id: str | None
    data: Submitted
    version_key: str = ""
    supersedes_reason: str | None = None
    reason_needed: bool = False
    needs: tuple[tuple[str, str, str], ...] = ()
    findings: tuple[FindingRef, ...] = ()
    gives: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)
    persons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """What came with a body: its id, who sent it, whether it is late, the secret that turns names into ids."""

    submission_id: uuid.UUID
    by: By
    submitted_by: str
    late: bool
    person_key: bytes


def person_id(person: bodies.Person | None, key: bytes) -> str | None:
    """A pseudonym of a person: HMAC-SHA-256 of name and phone, so that events carry neither and nobody can guess it
    back without the key.
    """
    if person is None:
        return None
    words = f"{person.name.strip()}|{(person.phone or '').strip()}"
    return "p-" + hmac.new(key, words.encode(), hashlib.sha256).hexdigest()[:32]


def place(body: Any, sent: Sent) -> dict[str, Any]:
    """What every event of a submission begins with."""
    return {
        "unit_id": body.unit_id,
        "submission_id": sent.submission_id,
        "seq": 1,
        "accepted_at": _UNSET,
        "submitted_by": sent.submitted_by,
        "drill": body.drill,
    }


def mode(body: Any) -> str:
    """Drills and the real thing never replace each other."""
    return "drill" if body.drill else "real"


def missing_needs(becoming: Becoming, known: Mapping[str, Any] | frozenset[str] | set[str]) -> list[Fault]:
    """What the subject must know and does not: the finding of a rectification, the accident of a supplement, what is
    withdrawn.
    """
    return [fault(pointer, code) for pointer, code, token in becoming.needs if token not in known]
