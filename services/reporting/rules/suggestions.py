"""Which guidance to suggest: by short board, and by the items that stand most often. Called by the evaluation."""

from collections.abc import Mapping, Sequence

from services.reporting.rules.problems import ItemTally
from services.reporting.rules.short_boards import ShortBoard
from shared.events.base import Value

MOST_ITEMS = 5


class Suggestion(Value):
    """A text in both languages, and the document it follows (`ours` where there is none)."""

    zh: str
    en: str
    after: str


class SuggestedGuidance(Value):
    """A suggestion for one short board (`component:<id>`) or item (`<checklist>/<item>`); `count` open findings for
    an item.
    """

    about: str
    count: int | None
    suggestion: Suggestion


def suggested(
    boards: Sequence[ShortBoard], items: Sequence[ItemTally], known: Mapping[str, Suggestion]
) -> tuple[SuggestedGuidance, ...]:
    """Suggestions for every short board, then for the items with the most open findings."""
    found = [
        SuggestedGuidance(about=key, count=None, suggestion=known[key])
        for board in boards
        if (key := f"component:{board.component}") in known
    ]
    standing = sorted((item for item in items if item.open), key=lambda item: (-item.open, item.key))
    for item in standing[:MOST_ITEMS]:
        text = known.get(item.key) or known.get(f"{item.checklist}/{item.item.split('.')[0]}")
        if text is not None:
            found.append(SuggestedGuidance(about=item.key, count=item.open, suggestion=text))
    return tuple(found)
