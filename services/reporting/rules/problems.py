"""Problems by focus area, item, stage and grade; carried over and recurring ones. Called by the evaluation."""

from collections import defaultdict
from collections.abc import Sequence

from services.reporting.rules.agreement import reporters
from shared.events.base import Focus, Grade, Stage, Value
from shared.events.risk import FindingAssessed


class Tally(Value):
    """Findings under one heading."""

    key: str
    total: int
    major: int
    open: int
    overdue: int


class ItemTally(Tally):
    """Findings on one checklist item, and the enterprises they are in."""

    checklist: str
    item: str
    enterprises: tuple[str, ...]


class Problems(Value):
    """All findings that stood in the round, counted three ways; a finding with several focus areas counts in each."""

    total: int
    major: int
    open: int
    overdue: int
    by_focus: tuple[Tally, ...]
    by_item: tuple[ItemTally, ...]
    by_stage: tuple[Tally, ...]


class LongTerm(Value):
    """The long-term mechanism: what was carried over from earlier rounds, and the items that came back after being
    closed.
    """

    carried_over: int
    carried_over_closed: int
    recurring: int
    recurring_items: tuple[ItemTally, ...]


def problems(round_id: str, findings: Sequence[FindingAssessed]) -> Problems:
    """The tallies, each list largest first (by key where equal)."""
    focus = [tally(area, [row for row in findings if area in row.focus]) for area in Focus]
    none = tally("none", [row for row in findings if not row.focus])
    stages = [tally(stage, [row for row in findings if stage in reporters(row, round_id)]) for stage in Stage]
    total = tally("all", findings)
    return Problems(
        total=total.total,
        major=total.major,
        open=total.open,
        overdue=total.overdue,
        by_focus=tuple(row for row in (*focus, none) if row.total),
        by_item=by_item(findings),
        by_stage=tuple(stages),
    )


def long_term(findings: Sequence[FindingAssessed]) -> LongTerm:
    """Carried-over and recurring findings of the round."""
    carried = [row for row in findings if row.carried_over]
    back = [row for row in findings if row.recurrence]
    return LongTerm(
        carried_over=len(carried),
        carried_over_closed=sum(row.state == "closed" for row in carried),
        recurring=len(back),
        recurring_items=by_item(back),
    )


def tally(key: str, findings: Sequence[FindingAssessed]) -> Tally:
    """Counts of some findings."""
    return Tally(
        key=key,
        total=len(findings),
        major=sum(row.grade is Grade.MAJOR for row in findings),
        open=sum(row.state != "closed" for row in findings),
        overdue=sum(row.overdue for row in findings),
    )


def by_item(findings: Sequence[FindingAssessed]) -> tuple[ItemTally, ...]:
    """A tally per checklist item, the most frequent first."""
    rows: dict[tuple[str, str], list[FindingAssessed]] = defaultdict(list)
    for finding in findings:
        rows[finding.checklist, finding.item].append(finding)
    found = [_item(checklist, item, own) for (checklist, item), own in rows.items()]
    return tuple(sorted(found, key=lambda row: (-row.total, row.key)))


def _item(checklist: str, item: str, own: Sequence[FindingAssessed]) -> ItemTally:
    names = tuple(sorted({row.enterprise_id for row in own}))
    return ItemTally(
        **tally(f"{checklist}/{item}", own).model_dump(), checklist=checklist, item=item, enterprises=names
    )
