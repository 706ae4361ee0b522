"""A partition folded step by step, and an independent plain recomputation of its main figures. Used by the tests of
this folder.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from services.scoring.rules.fold import PartitionFold
from services.scoring.rules.output import Derived
from shared.errors import Rejected
from shared.events.envelope import Event
from shared.rulesets import load
from tests import builders as build

RULES = load()
DAY = timedelta(days=1)


class World:
    """One partition: `tell` folds events in order and flushes; outputs are kept typed."""

    def __init__(self, *, opened: bool = True, **changes: Any) -> None:
        self.fold = PartitionFold(RULES, 0)
        self.offset = -1
        self.outputs: list[Event] = []
        self.derived: list[Derived] = []
        self.rows: dict[bytes, bytes] = {}
        if opened:
            self.tell(build.round_opened(rule_sets=RULES.refs(), **changes))

    def tell(self, *events: Event) -> list[Event]:
        """Folds the events as one batch; the outputs of this batch."""
        for event in events:
            self.offset += 1
            self.fold.apply(event, self.offset)
        return self.flush()

    def flush(self) -> list[Event]:
        """Takes rows and outputs."""
        effects = self.fold.flush()
        keep(self.rows, effects.rows)
        self.derived += effects.derived
        self.outputs += effects.events
        return effects.events

    def last(self, kind: str, subject: str | None = None) -> Any:
        """The data of the last output of a kind (`unit.assessed`)."""
        found = [each for each in self.outputs if named(each) == kind and (subject is None or each.subject == subject)]
        return found[-1].data

    def raised(self, kind: str) -> list[Any]:
        """The hazards of a kind, as raised, in order."""
        return [each.data for each in self.outputs if named(each) == "hazard.raised" and each.data.kind == kind]

    def standing(self, *, drill: bool = False) -> dict[str, str]:
        """Kinds of the hazards that stand, with their policy key."""
        found: dict[Any, tuple[str, str, bool]] = {}
        for event in self.outputs:
            if named(event) in ("hazard.raised", "hazard.updated"):
                found[event.data.hazard_id] = (event.data.kind, event.data.policy_key, event.data.drill)
            elif named(event) == "hazard.cleared":
                del found[event.data.hazard_id]
        return {kind: key for kind, key, drilled in found.values() if drilled == drill}

    def restored(self) -> PartitionFold:
        """Another fold made from the rows alone."""
        return restored(self.rows)


def named(event: Event) -> str:
    """The type without prefix and version."""
    return event.type.removeprefix("keycounty.").removesuffix(".v1")


def keep(rows: dict[bytes, bytes], changed: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Applies changed rows as the changelog does."""
    for key, value in changed:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


def restored(rows: dict[bytes, bytes]) -> PartitionFold:
    """A fold made from rows, in the order of their keys."""
    fold = PartitionFold(RULES, 0)
    for key in sorted(rows):
        fold.load(key, rows[key])
    return fold


def run(
    log: Sequence[Event], cuts: Iterable[int] = (), restore_at: Iterable[int] = ()
) -> tuple[PartitionFold, dict[bytes, bytes], list[Event]]:
    """Folds a log, flushed after each cut; at some cuts the worker starts again from its rows. Rejected events are dead
    letters.
    """
    fold, rows, outputs = PartitionFold(RULES, 0), {}, []
    cuts, restore_at = set(cuts), set(restore_at)
    for offset, event in enumerate(log):
        try:
            fold.apply(event, offset)
        except Rejected:
            fold.note_dead_letter(offset)
        if offset in cuts or offset == len(log) - 1:
            effects = fold.flush()
            keep(rows, effects.rows)
            outputs += effects.derived
            if offset in restore_at:
                fold = restored(rows)
    return fold, rows, [each.event() for each in outputs]


def instant(day: date) -> datetime:
    """Nine in the morning of a day, Asia/Shanghai."""
    return datetime.fromisoformat(f"{day.isoformat()}T09:00:00+08:00")
