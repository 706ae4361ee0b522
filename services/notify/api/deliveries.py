"""Deliveries over HTTP: who was told what, with every attempt; and sending one again by hand."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from services.notify.api.alerts import scope_of
from services.notify.handlers import Handlers
from services.notify.ports import Ledger
from services.notify.rules.answers import Refused, sent_again
from services.notify.views import delivery_view
from shared.http.auth import Current
from shared.http.paging import Cursor, Limit, moment_in, page
from shared.http.permissions import Action
from shared.http.problems import conflict, not_found


def router(ledger: Ledger, handlers: Handlers) -> APIRouter:
    """The routes of `/v1/deliveries`."""
    found = APIRouter(prefix="/v1/deliveries", tags=["deliveries"])

    @found.get("")
    async def list_deliveries(
        access: Current,
        alert_id: Annotated[UUID | None, Query()] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """Newest first."""
        wanted = str(alert_id) if alert_id else None
        rows = await ledger.deliveries(scope_of(access), wanted, moment_in(cursor), limit + 1)
        more = {"at": rows[limit - 1].at.isoformat(), "id": rows[limit - 1].id} if len(rows) > limit else None
        return page([delivery_view(row) for row in rows[:limit]], more)

    @found.post("/{id}/retry", status_code=202)
    async def retry(access: Current, id: UUID) -> dict[str, Any]:
        """Sends the message again, under the same message id. 409 while it is still being tried, or once closed."""
        access.require_role(Action.ANSWER_ALERT)
        delivery = await ledger.delivery(str(id))
        if delivery is None:
            raise not_found()
        access.require(Action.ANSWER_ALERT, delivery.unit_id)
        wanted = (delivery.step, delivery.tier, delivery.contact_key)
        try:
            alert = await handlers.change(delivery.alert_id, lambda alert: sent_again(alert, *wanted, handlers.now()))
        except Refused as refused:
            raise conflict(refused.code, refused.detail, refused.zh) from refused
        if alert is None:
            raise not_found()
        return delivery_view(delivery)

    return found
