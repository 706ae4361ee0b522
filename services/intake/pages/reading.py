"""What the pages show, read from the registry, the rule sets and the store within the caller's scope. For routes.py."""

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from services.intake.handlers import Intake
from services.intake.pages.dossier import STAGES, Entry, Told, dossier
from services.intake.ports import Wanted
from services.intake.records import Head, Submission
from services.intake.rules.standing import moment
from shared.http.auth import Access
from shared.http.permissions import Action, Role
from shared.registry import Object
from shared.rulesets.checklists import Checklist
from shared.web.languages import in_language

LISTED = 100
RECENT = 300
RECEIPTS = 500
STAGE_OF_ROLE: Mapping[Role, str] = dict(zip((Role.ENTERPRISE, Role.COUNTY, Role.EXPERT), STAGES, strict=True))


@dataclass(frozen=True, slots=True)
class Window:
    """A stage's window in a round, and where now stands: `before`, `open`, `after` or `none`."""

    state: str
    opens: datetime | None = None
    closes: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A round that an enterprise is enrolled in, the window of the caller's stage, and each checklist with its
    submission.
    """

    round_id: str
    window: Window
    checklists: list[tuple[Checklist, uuid.UUID | None]]


class Reading:
    """Answers the pages' questions."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    @property
    def today(self) -> date:
        return self._intake.now().astimezone(self._intake.zone).date()

    def window(self, round_: Object, stage: str) -> Window:
        """The stage's window, against now."""
        span = (round_.get("windows") or {}).get(stage)
        if span is None:
            return Window("none")
        zone, now = self._intake.zone, self._intake.now()
        opens, closes = moment(str(span["from"]), zone), moment(str(span["to"]), zone, end=True)
        return Window("before" if now < opens else "open" if now < closes else "after", opens, closes)

    async def head(self, enterprise_id: str) -> Head:
        """What stands for an enterprise."""
        return (await self._intake.submissions.heads([enterprise_id]))[enterprise_id]

    def offers(self, access: Access, enterprise_id: str, head: Head) -> list[Offer]:
        """What the caller may fill in for an enterprise, the newest round first."""
        stage = STAGE_OF_ROLE.get(access.principal.role)
        unit_id = (access.registry.enterprise(enterprise_id) or {}).get("unit_id", "")
        if stage is None:
            return []
        return [
            Offer(id, self.window(found, stage), self._checklists(id, stage, head))
            for id, found in sorted(access.registry.all("rounds").items(), reverse=True)
            if found.get("status") != "closed"
            and enterprise_id in ((access.registry.enrolment(id, unit_id) or {}).get("enterprises") or ())
        ]

    def _checklists(self, round_id: str, stage: str, head: Head) -> list[tuple[Checklist, uuid.UUID | None]]:
        usable = [each for each in self._intake.rules.checklists() if each.refused_for(self.today) is None]
        return [(each, head.versions.get(version_key(round_id, stage, each.id))) for each in usable]

    async def findings(self, enterprise_id: str) -> tuple[list[Entry], list[Submission]]:
        """An enterprise's findings, and its latest submissions of every kind."""
        listed = list(await self._intake.submissions.listed(Wanted(enterprise_id=enterprise_id), RECENT))
        telling = [each.id for each in listed if each.kind in ("inspection", "rectification")]
        whole = await self._intake.submissions.existing(telling)
        majors = [each.id for each in self._intake.rules.checklists() if each.every_finding_is_major]
        told = [
            Told(each.kind, each.seq, orjson.loads(each.record), each.findings, each.drill) for each in whole.values()
        ]
        return dossier(told, majors), listed

    async def receipts(self, enterprise_id: str) -> AsyncIterator[bytes]:
        """An enterprise's whole chain of receipts as NDJSON, oldest first, a page of the store at a time."""
        after = 0
        while page := await self._intake.submissions.chain(enterprise_id, after, RECEIPTS):
            yield b"".join(orjson.dumps(each) + b"\n" for each in page)
            after = page[-1]["seq"]

    def enterprises(self, access: Access, search: str) -> tuple[list[tuple[str, Object]], int]:
        """The enterprises in the caller's scope whose name or code holds `search`: the first ones, and how many."""
        own, units = access.enterprises(), access.units(Action.READ_REGISTRY)
        wanted = search.strip().casefold()
        found = [
            (id, each)
            for id, each in access.registry.all("enterprises").items()
            if (own is None or id in own)
            and (units is None or each["unit_id"] in units)
            and (wanted in id.casefold() or wanted in _names(each).casefold())
        ]
        return sorted(found, key=lambda each: (each[1]["unit_id"], each[0]))[:LISTED], len(found)

    def keys(self, access: Access, search: str) -> tuple[list[tuple[str, Object]], int]:
        """The keys that the caller may revoke and whose label, id or scope holds `search`: the first ones, and how
        many.
        """
        role, wanted = access.principal.role, search.strip().casefold()

        def mine(found: Object) -> bool:
            if role in (Role.ADMIN, Role.NATIONAL):
                return role is Role.ADMIN or found["role"] != Role.ADMIN
            codes = found.get("enterprises") or ()
            return (
                found["role"] == Role.ENTERPRISE
                and bool(codes)
                and all(access.allows(Action.ISSUE_KEYS, None, code) for code in codes)
            )

        found = [
            (id, each)
            for id, each in access.registry.all("keys").items()
            if mine(each) and wanted in f"{id} {each.get('label')} {' '.join(each.get('enterprises') or ())}".casefold()
        ]
        return sorted(found, key=_live_first)[:LISTED], len(found)


def version_key(round_id: str, stage: str, checklist: str, *, drill: bool = False) -> str:
    """The key under which an inspection supersedes an earlier one, as the store's heads have it."""
    return f"inspection|{round_id}|{stage}|{checklist}|{'drill' if drill else 'real'}"


def _names(found: Object) -> str:
    named = found.get("name")
    return " ".join(str(each) for each in named.values() if each) if isinstance(named, Mapping) else str(named or "")


def _live_first(each: tuple[str, Object]) -> tuple[bool, str, str]:
    return (bool(each[1].get("revoked")), str(each[1]["role"]), each[0])


def named(registry_object: Any, language: Any) -> str:
    """The name of a registry object in a language."""
    return in_language((registry_object or {}).get("name"), language)
