"""Silences and planned shutdowns over HTTP: at most 30 days, always with a reason."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.notify.api.alerts import who
from services.notify.handlers import silence_events
from services.notify.ports import SilenceStore
from services.notify.rules.silences import Matcher, Silence, faults
from shared.http.auth import Access, Current
from shared.http.paging import Cursor, Limit, decode_cursor, page
from shared.http.permissions import Action
from shared.http.problems import FieldError, conflict, invalid, not_found

SilenceId = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
_DETAILS = {
    "ends_before_it_begins": ("/to", "A silence must end after it begins.", "静默的结束时间须晚于开始时间。"),
    "too_long": ("/to", "A silence may last 30 days at most.", "静默最长 30 天。"),
    "over": ("/to", "This silence would be over already.", "该静默的结束时间已过。"),
}


class SilenceBody(BaseModel):
    """`unit_id` null: everywhere (national only). `matcher` narrows it to a kind, severity, enterprise or subject."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    unit_id: str | None = Field(None, max_length=64)
    matcher: Matcher = Field(default_factory=Matcher)
    planned_shutdown: bool = False
    reason: str = Field(min_length=3, max_length=2000)
    from_: AwareDatetime | None = Field(None, alias="from")
    to: AwareDatetime


class Silences:
    """The use cases behind the routes. `stored` is told when events wait."""

    def __init__(self, store: SilenceStore, now: Callable[[], datetime], stored: Callable[[], None]) -> None:
        self._store = store
        self._now = now
        self._stored = stored

    async def listed(self, access: Access) -> list[Silence]:
        access.require_role(Action.READ_RISK)
        found = await self._store.silences()
        return [each for each in found if each.unit_id is None or access.allows(Action.READ_RISK, each.unit_id)]

    async def read(self, access: Access, id: str) -> Silence:
        found = await self._store.silence(id)
        if found is None or found not in await self.listed(access):
            raise not_found()
        return found

    async def put(self, access: Access, id: str, body: SilenceBody) -> Silence:
        now, known = self._now(), await self._store.silence(id)
        self._require(access, body.unit_id)
        if known is not None:
            self._require(access, known.unit_id)
        start = body.from_ or now
        wrong = faults(start, body.to, now)
        if wrong:
            raise invalid([FieldError(_DETAILS[code][0], code, *_DETAILS[code][1:]) for code in wrong])
        silence = Silence(
            id=id,
            unit_id=body.unit_id,
            matcher=body.matcher,
            planned_shutdown=body.planned_shutdown,
            reason=body.reason,
            from_=start,
            to=body.to,
            by=who(access),
            version=(known.version if known else 0) + 1,
        )
        return await self._stored_as(silence)

    async def delete(self, access: Access, id: str) -> Silence:
        access.require_role(Action.ANSWER_ALERT)
        known = await self._store.silence(id)
        if known is None or known.deleted:
            raise not_found()
        self._require(access, known.unit_id)
        return await self._stored_as(known.model_copy(update={"deleted": True, "version": known.version + 1}))

    async def _stored_as(self, silence: Silence) -> Silence:
        if not await self._store.put(silence, silence_events(silence, self._now())):
            raise conflict("changed", "Somebody else has changed this silence meanwhile.", "该静默已被他人更改。")
        self._stored()
        return silence

    def _require(self, access: Access, unit_id: str | None) -> None:
        access.require_role(Action.ANSWER_ALERT)
        limit = access.units(Action.ANSWER_ALERT)
        if limit is not None and unit_id not in limit:
            raise not_found()


def view(silence: Silence) -> dict[str, Any]:
    """A silence as callers see it."""
    found = silence.model_dump(mode="json", exclude={"from_"})
    return found | {"from": silence.from_.isoformat()}


def router(silences: Silences) -> APIRouter:
    """The routes of `/v1/silences`."""
    found = APIRouter(prefix="/v1/silences", tags=["silences"])

    @found.get("")
    async def list_silences(access: Current, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        """All that concern the caller's units, those that are over included; by id."""
        after = str(decode_cursor(cursor).get("id", "")) if cursor else ""
        rows = [silence for silence in await silences.listed(access) if silence.id > after]
        more = {"id": rows[limit - 1].id} if len(rows) > limit else None
        return page([view(silence) for silence in rows[:limit]], more)

    @found.get("/{id}")
    async def read(access: Current, id: SilenceId) -> dict[str, Any]:
        return view(await silences.read(access, id))

    @found.put("/{id}")
    async def put(access: Current, id: SilenceId, body: SilenceBody) -> dict[str, Any]:
        """Clearings are still sent, and nothing holds back an accident."""
        return view(await silences.put(access, id, body))

    @found.delete("/{id}")
    async def delete(access: Current, id: SilenceId) -> dict[str, Any]:
        """Ends it; what it held back goes out within two minutes."""
        return view(await silences.delete(access, id))

    return found
