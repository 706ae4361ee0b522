"""The page behind an acknowledgement link: it shows the alert, and only its POST acknowledges."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from services.notify.handlers import Handlers
from services.notify.links import AckLinks, Grant, contact_hash
from services.notify.messages import facts_shown
from services.notify.ports import AlertStore, Ledger, Scope
from services.notify.rules.alert import Alert
from services.notify.rules.answers import Refused, promise_typed
from services.notify.rules.routing import PERSONAL
from shared.web.pages import Pages

HEADERS = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex"}
CONTACTS_LOOKED_AT = 500


class AckPages:
    """Needs no sign-in: the token is the permission, for one alert and one contact."""

    def __init__(
        self,
        alerts: AlertStore,
        ledger: Ledger,
        handlers: Handlers,
        links: AckLinks,
        pages: Pages,
        now: Callable[[], datetime],
    ) -> None:
        self._alerts = alerts
        self._ledger = ledger
        self._handlers = handlers
        self._links = links
        self._pages = pages
        self._now = now

    def router(self) -> APIRouter:
        found = APIRouter(include_in_schema=True, tags=["acknowledgement"])

        @found.get("/ack/{token}")
        async def show(request: Request, token: str) -> Response:
            """Shows what would be acknowledged; changes nothing."""
            return await self._page(request, token)

        @found.post("/ack/{token}")
        async def act(
            request: Request,
            token: str,
            note: Annotated[str, Form(max_length=2000)] = "",
            name: Annotated[str, Form(max_length=200)] = "",
            promise_by: Annotated[str, Form(max_length=40)] = "",
        ) -> Response:
            """Acknowledges. A link from a group needs the name of whoever answers."""
            return await self._acknowledge(request, token, note, name.strip(), promise_by)

        return found

    async def _page(self, request: Request, token: str, problem: str | None = None) -> Response:
        grant, alert = await self._granted(token)
        if grant is None or alert is None:
            return self._answer(request, 404, alert=None, problem="unknown")
        if grant.expires < self._now():
            return self._answer(request, 410, alert=None, problem="expired")
        _, personal = await self._contact(grant)
        answerable = alert.state in ("open", "escalated")
        status = 422 if problem else 200
        return self._answer(request, status, alert=alert, answerable=answerable, named=not personal, problem=problem)

    async def _acknowledge(self, request: Request, token: str, note: str, name: str, promise_by: str) -> Response:
        grant, alert = await self._granted(token)
        if grant is None or alert is None or grant.expires < self._now():
            return await self._page(request, token)
        contact, personal = await self._contact(grant)
        if not personal and not name:
            return await self._page(request, token, "name_needed")
        if alert.state not in ("open", "escalated"):
            return self._answer(request, 409, alert=alert, answerable=False, problem=None)
        by = f"{name} ({contact})" if name else contact
        try:
            promise = promise_typed(promise_by, self._pages.zone)
            found = await self._handlers.acknowledge(alert.id, by, note, "link", promise)
        except Refused as refused:
            return await self._page(request, token, refused.code)
        if found is None:
            return await self._page(request, token)
        return self._answer(request, 200, alert=found[0], answerable=False, done=True)

    def _answer(self, request: Request, status: int, /, **context: object) -> Response:
        alert = context.get("alert")
        shown = {"answerable": False, "named": False, "problem": None, "done": False, **context}
        facts = facts_shown(alert.facts) if isinstance(alert, Alert) else []
        response = self._pages.render(request, "ack.html", status, facts=facts, **shown)
        response.headers.update(HEADERS)
        return response

    async def _granted(self, token: str) -> tuple[Grant | None, Alert | None]:
        grant = self._links.read(token)
        if grant is None:
            return None, None
        return grant, (await self._alerts.get([grant.alert_id])).get(grant.alert_id)

    async def _contact(self, grant: Grant) -> tuple[str, bool]:
        """The contact behind a link and whether one person reads it. Before the send is recorded: unknown, so not."""
        for delivery in await self._ledger.deliveries(Scope(), grant.alert_id, None, CONTACTS_LOOKED_AT):
            if contact_hash(delivery.contact_key) == grant.contact:
                return delivery.contact_key, delivery.channel in PERSONAL
        return "link", False
