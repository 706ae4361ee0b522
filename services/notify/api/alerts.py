"""Alerts over HTTP: read, acknowledge, close, reopen. Scope is added to every query."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.notify.handlers import Handlers
from services.notify.ports import AlertFilter, AlertStore, Ledger, Scope
from services.notify.rules.alert import Alert
from services.notify.rules.answers import Refused
from services.notify.views import alert_view, entry_view
from shared.events.alerts import AlertState, Severity
from shared.events.envelope import Event
from shared.http.auth import Access, Current
from shared.http.paging import Cursor, Limit, moment_in, page
from shared.http.permissions import Action
from shared.http.problems import FieldError, Problem, conflict, invalid, not_found

Reason = Annotated[str, Field(min_length=3, max_length=2000)]


class Acknowledgement(BaseModel):
    """A promise: what will be done, and by when (null: the policy's default for the severity)."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field("", max_length=2000)
    promise_by: AwareDatetime | None = None


class WithReason(BaseModel):
    """Why it is closed or opened again."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class Alerts:
    """What the routes and pages need of alerts, scope included."""

    def __init__(self, store: AlertStore, ledger: Ledger, handlers: Handlers) -> None:
        self.store = store
        self.ledger = ledger
        self.handlers = handlers

    async def readable(self, access: Access, id: str) -> Alert:
        """Raises 404 for what is unknown or out of scope."""
        access.require_role(Action.READ_RISK)
        alert = (await self.store.get([id])).get(id)
        if alert is None or not access.allows(Action.READ_RISK, alert.unit_id, alert.enterprise_id):
            raise not_found()
        return alert

    async def answerable(self, access: Access, id: str) -> Alert:
        """Raises 404 out of scope, 403 when the role never may."""
        access.require_role(Action.ANSWER_ALERT)
        alert = (await self.store.get([id])).get(id)
        if alert is None:
            raise not_found()
        access.require(Action.ANSWER_ALERT, alert.unit_id)
        return alert

    async def events(self, alert: Alert) -> list[Event]:
        """Everything that happened to it, in order; what is not on the bus yet included."""
        waiting = await self.store.unpublished_of(alert.id)
        known = await self.ledger.history(alert.id)
        ids = {event.id for event in known}
        return [*known, *(event for event in waiting if event.id not in ids)]

    async def whole(self, alert: Alert) -> dict[str, Any]:
        """The alert with its whole history."""
        return alert_view(alert) | {"history": [entry_view(event) for event in await self.events(alert)]}

    async def acknowledge(self, access: Access, id: str, body: Acknowledgement, channel: str) -> dict[str, Any]:
        """The alert as it is now, with `claimed_before`: the steps whose messages were on their way already."""
        await self.answerable(access, id)
        by = who(access)
        try:
            found = await self.handlers.acknowledge(id, by, body.note, channel, body.promise_by)
        except Refused as refused:
            raise refusal(refused) from refused
        if found is None:
            raise not_found()
        return alert_view(found[0]) | {"claimed_before": list(found[1])}

    async def close(self, access: Access, id: str, reason: str) -> Alert:
        await self.answerable(access, id)
        return await _allowed(self.handlers.close(id, who(access), reason))

    async def reopen(self, access: Access, id: str, reason: str) -> Alert:
        await self.answerable(access, id)
        return await _allowed(self.handlers.reopen(id, who(access), reason))


async def _allowed(change: Any) -> Alert:
    try:
        alert: Alert | None = await change
    except Refused as refused:
        raise refusal(refused) from refused
    if alert is None:
        raise not_found()
    return alert


def refusal(refused: Refused) -> Problem:
    """422 for a wrong promise, 409 for what the alert's state does not allow."""
    if refused.code.startswith("promise"):
        return invalid([FieldError("/promise_by", refused.code, refused.detail, refused.zh)])
    return conflict(refused.code, refused.detail, refused.zh)


def who(access: Access) -> str:
    """Whoever answers, as the history names them."""
    principal = access.principal
    return principal.label or principal.id


def scope_of(access: Access) -> Scope:
    """What a reader may see. Raises 403 when the role never may."""
    return Scope(access.units(Action.READ_RISK), access.enterprises())


def router(alerts: Alerts) -> APIRouter:
    """The routes of `/v1/alerts`."""
    found = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    @found.get("")
    async def list_alerts(
        access: Current,
        unit_id: Annotated[str | None, Query(max_length=64)] = None,
        state: AlertState | None = None,
        severity: Severity | None = None,
        drill: bool | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """Newest first."""
        states = frozenset({state}) if state else frozenset[str]()
        wanted = AlertFilter(scope_of(access), unit_id, states, severity, drill, moment_in(cursor))
        rows = await alerts.store.find(wanted, limit + 1)
        more = {"at": rows[limit - 1].opened_at.isoformat(), "id": rows[limit - 1].id} if len(rows) > limit else None
        return page([alert_view(alert) for alert in rows[:limit]], more)

    @found.get("/{id}")
    async def read(access: Current, id: UUID) -> dict[str, Any]:
        """The alert with its whole history."""
        return await alerts.whole(await alerts.readable(access, str(id)))

    @found.post("/{id}/ack")
    async def acknowledge(access: Current, id: UUID, body: Acknowledgement) -> dict[str, Any]:
        """Promises to see to it. Ends every pending step; names those whose messages were claimed before."""
        return await alerts.acknowledge(access, str(id), body, "api")

    @found.post("/{id}/close")
    async def close(access: Current, id: UUID, body: WithReason) -> dict[str, Any]:
        """Closes it by hand while the hazard stands."""
        return alert_view(await alerts.close(access, str(id), body.reason))

    @found.post("/{id}/reopen")
    async def reopen(access: Current, id: UUID, body: WithReason) -> dict[str, Any]:
        """Opens a closed alert again: it calls from its tier on."""
        return alert_view(await alerts.reopen(access, str(id), body.reason))

    return found
