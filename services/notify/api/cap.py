"""CAP messages and their feed over HTTP, and an alert's history as a file."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.notify import cap
from services.notify.api.alerts import Alerts, scope_of
from services.notify.ports import AlertFilter, Directory
from services.notify.views import entry_view
from shared.http.auth import Current

FEED_LENGTH = 100
COLUMNS = (
    *("at", "event", "state", "severity", "tier", "step", "authority_id", "contact_id", "channel", "message_id"),
    *("attempt", "result", "error", "final", "by", "note", "reason", "promise_by", "skipped", "claimed_before"),
    "event_id",
)
_RISKY = ("=", "+", "-", "@", "\t", "\r")


def router(alerts: Alerts, directory: Directory, base_url: str, now: Callable[[], datetime], zone: tzinfo) -> APIRouter:
    """`/v1/alerts/{id}/cap.xml`, `/v1/alerts/{id}/history.csv|ndjson`, `/v1/cap/feed.atom`."""
    found = APIRouter(prefix="/v1", tags=["cap"])
    base = base_url.rstrip("/")

    def page(id: str) -> str:
        return f"{base}/alerts/{id}"

    def document(id: str) -> str:
        return f"{base}/v1/alerts/{id}/cap.xml"

    @found.get("/alerts/{id}/cap.xml", response_class=Response)
    async def one(access: Current, id: UUID) -> Response:
        """The alert's latest change as a CAP 1.2 message."""
        alert = await alerts.readable(access, str(id))
        area = directory.unit_name(alert.unit_id)
        body = cap.message(await alerts.events(alert), area, page, zone)
        return Response(body, media_type="application/cap+xml")

    @found.get("/cap/feed.atom", response_class=Response)
    async def feed(access: Current, unit_id: Annotated[str | None, Query(max_length=64)] = None) -> Response:
        """The newest hundred alerts."""
        rows = await alerts.store.find(AlertFilter(scope_of(access), unit_id), FEED_LENGTH)
        address = f"{base}/v1/cap/feed.atom"
        return Response(cap.feed(rows, document, page, address, now(), zone), media_type="application/atom+xml")

    @found.get("/alerts/{id}/history.csv", response_class=Response)
    async def as_csv(access: Current, id: UUID) -> Response:
        """The history as a table (UTF-8 with BOM)."""
        alert = await alerts.readable(access, str(id))
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for event in await alerts.events(alert):
            writer.writerow({name: _harmless(value) for name, value in entry_view(event).items()})
        return _attachment("\ufeff" + text.getvalue(), "text/csv; charset=utf-8", f"alert-{id}.csv")

    @found.get("/alerts/{id}/history.ndjson", response_class=Response)
    async def as_lines(access: Current, id: UUID) -> Response:
        """The history, one JSON object a line."""
        alert = await alerts.readable(access, str(id))
        lines = [orjson.dumps(entry_view(event)).decode() for event in await alerts.events(alert)]
        return _attachment("\n".join(lines) + "\n", "application/x-ndjson", f"alert-{id}.ndjson")

    return found


def _attachment(text: str, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=media_type, headers=headers)


def _harmless(value: object) -> object:
    if isinstance(value, list):
        value = " ".join(str(one) for one in value)
    # A cell that begins like a formula is text for every spreadsheet once it is prefixed.
    return "'" + value if isinstance(value, str) and value.startswith(_RISKY) else value
