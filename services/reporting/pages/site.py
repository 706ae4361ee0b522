"""What all of reporting's pages share: rendering, texts of codes, times and percentages."""

from datetime import date, datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Response

from services.reporting.bus_view import BusView
from services.reporting.item_titles import grading_titles, item_titles
from services.reporting.pages.labels import figure_name, label
from services.reporting.parts import Parts
from shared.health import Health
from shared.http.auth import Access
from shared.http.permissions import Action
from shared.web.pages import Pages, page_access

Reader = Annotated[Access, Depends(page_access)]
LISTED = 200


class Site:
    """Renders reporting's pages with what all of them need."""

    def __init__(self, parts: Parts, pages: Pages, zone: ZoneInfo, health: Health, bus: BusView) -> None:
        self.parts = parts
        self.pages = pages
        self.zone = zone
        self.health = health
        self.bus = bus
        self._titles = item_titles(parts.freezer.rule_sets)
        self._gradings = grading_titles(parts.freezer.rule_sets)

    def may_freeze_nation(self, access: Access) -> bool:
        """Whether the caller may freeze the national evaluation."""
        return access.allows(Action.FREEZE_EVALUATION) and access.units(Action.FREEZE_EVALUATION) is None

    def show(self, request: Request, template: str, **context: Any) -> Response:
        """The page, with the texts of codes, the time of a stamp, and percentages."""
        words = {"label": label, "figure_name": figure_name, "titles": self._titles, "gradings": self._gradings}
        known = words | {"at": self.at, "percent": percent}
        return self.pages.render(request, template, **known, **context)

    def midnight(self) -> datetime:
        """Today's start in the product's time zone."""
        now = self.parts.freezer.now().astimezone(self.zone)
        return now.replace(hour=0, minute=0, second=0, microsecond=0)

    def end_of(self, day: date) -> datetime:
        """The last moment of a day in the product's time zone."""
        return datetime.combine(day, time.max, self.zone)

    def at(self, text: str | None) -> str:
        return datetime.fromisoformat(text).astimezone(self.zone).strftime("%Y-%m-%d %H:%M") if text else "–"


def percent(share: float | None) -> str:
    """A share as a percentage; a hundred is only said of all."""
    if share is None:
        return "–"
    return "100 %" if share == 1 else f"{min(share * 100, 99.9):.1f} %"


def name_of(access: Access, enterprise_id: str) -> Any:
    """An enterprise's name, its code where the registry has none."""
    return (access.registry.enterprise(enterprise_id) or {}).get("name") or enterprise_id
