"""Checklists: dated lists of items that an inspection answers one by one. Used by intake (validation, templates) and
reporting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.events.base import Focus
from shared.rulesets.tables import InvalidRules, Row, doubled, require, rows

Locale = Literal["zh", "en"]


class RowItem(Row):
    """A checklist file's row; `focus` lists areas separated by blanks, `ours` the columns that are this product's own
    words.
    """

    item: str
    area_zh: str = ""
    area_en: str = ""
    title_zh: str
    title_en: str
    focus: str
    ours: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: titles and professional area (empty where the list has none) by locale, the focus areas it touches."""

    id: str
    title: Mapping[Locale, str]
    area: Mapping[Locale, str]
    focus: tuple[Focus, ...]
    ours: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """A dated checklist. `items` are in the list's order; `confirmed` False means: show it as unconfirmed, `note` says
    why.
    """

    id: str
    version: int
    title: Mapping[Locale, str]
    items: Mapping[str, Item]
    every_finding_is_major: bool
    ref_required: bool
    effective_from: date
    effective_to: date | None
    confirmed: bool
    note: str | None
    source: str

    def refused_for(self, inspected_on: date) -> Literal["not_yet_in_force", "no_longer_in_force"] | None:
        """Why an inspection of that day cannot use it; None when it can."""
        if inspected_on < self.effective_from:
            return "not_yet_in_force"
        if self.effective_to is not None and inspected_on > self.effective_to:
            return "no_longer_in_force"
        return None


def parse(items: tuple[str, bytes]) -> Mapping[str, Item]:
    """The items by id, in the order of their file (name, bytes). Raises `InvalidRules`."""
    found = rows(*items, RowItem)
    require([*doubled(f"{items[0]}: item", (row.item for row in found)), *([] if found else [f"{items[0]}: no items"])])
    return {row.item: _item(items[0], row) for row in found}


def _item(name: str, row: RowItem) -> Item:
    try:
        focus = tuple(Focus(each) for each in row.focus.split())
    except ValueError as wrong:
        raise InvalidRules([f"{name}: item {row.item}: {wrong}"]) from wrong
    area: dict[Locale, str] = {"zh": row.area_zh, "en": row.area_en} if row.area_zh else {}
    return Item(row.item, {"zh": row.title_zh, "en": row.title_en}, area, focus, tuple(row.ours.split()), row.source)
