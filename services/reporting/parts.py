"""What the routes and the pages work with; put together by wiring."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.reporting.changes import ChangeFeed
from services.reporting.freezing import Evaluations, Freezer
from services.reporting.generations import Generations, State
from services.reporting.queries import Reads
from services.reporting.render.files import Renderings


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes and the pages work with."""

    reads: Reads
    evaluations: Evaluations
    freezer: Freezer
    renderings: Renderings
    feed: ChangeFeed
    generations: Generations
    rebuild: Callable[[], Awaitable[State]]
