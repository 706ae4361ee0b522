"""Measures and texts that the rules share: figures as whole millionths, colours in order, one copy of a text."""

import sys
from collections.abc import Callable
from typing import Any

from shared.events.base import Colour

MICRO = 1_000_000
COLOURS = tuple(Colour)
Json = dict[str, Any]


def micro(value: float) -> int:
    """A figure as whole millionths: sums of these do not depend on their order."""
    return round(value * MICRO)


# The one copy of a text that many enterprises have in common (item lists, codes, checklists).
shared_text: Callable[[str], str] = sys.intern
