"""Which submissions put right what was known at a time, and which figures they moved. Called by `as_known`."""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Any, Literal

from shared.events.base import Value

Kind = Literal["superseded", "supplement", "late", "reported_later"]
# The fields that say when what is reported was so. A planned step or a declaration is of the day it was made.
_HAPPENED = ("inspected_on", "on", "declared_on", "assessed_on")
_MARKS: tuple[tuple[str, Kind], ...] = (("supersedes", "superseded"), ("supplement_to", "supplement"), ("late", "late"))
_PLAIN = ("index", "colour", "colour_without_vetoes", "provisional")


class Difference(Value):
    """A figure of a unit's assessment: `index`, `colour`, `components.<id>` (0..1), `vetoes.<id>`, `counts.<name>`, …;
    None where there was none.
    """

    figure: str
    before: Any
    after: Any


def happened_on(submission: Mapping[str, Any], zone: tzinfo) -> date | None:
    """The day of what a submission reports, None where it tells none."""
    if "occurred_at" in submission:
        return datetime.fromisoformat(submission["occurred_at"]).astimezone(zone).date()
    return next((date.fromisoformat(submission[name]) for name in _HAPPENED if submission.get(name)), None)


def kind_of(submission: Mapping[str, Any], known_on: date, zone: tzinfo, replaces_known: bool) -> Kind | None:
    """In which way a submission accepted later corrects what was known on a day; None when it tells what is new since.

    It does when it replaces what was known (`replaces_known`), or when what it reports had happened by that day.
    """
    happened = happened_on(submission, zone)
    if not replaces_known and (happened is None or happened > known_on):
        return None
    return next((kind for field, kind in _MARKS if submission.get(field)), "reported_later")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The figures in which two assessments of a unit (`data` of `unit.assessed`) differ, the index first."""
    old, new = _figures(before), _figures(after)
    names = [*new, *(name for name in old if name not in new)]
    rows = [Difference(figure=name, before=old.get(name), after=new.get(name)) for name in names]
    return tuple(row for row in rows if row.before != row.after)


def _figures(data: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: data[name] for name in _PLAIN}
    components = {f"components.{row['id']}": row["score"] for row in data["components"]}
    vetoes = {f"vetoes.{row['id']}": True for row in data["vetoes"]}
    return plain | components | vetoes | {f"counts.{name}": count for name, count in data["counts"].items()}
