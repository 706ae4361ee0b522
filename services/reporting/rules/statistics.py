"""Medians, percentiles and Chapman's estimate; used by the other rules."""

import math
from collections.abc import Sequence

from shared.events.base import Value

_Z_95 = 1.959963984540054
_SHAKY_BELOW = 7


class Share(Value):
    """`part` of `whole`, and their quotient in 0..1; None when there is nothing to divide by."""

    part: int
    whole: int
    share: float | None


class Estimate(Value):
    """How many findings there are, from two stages that looked at the same places.

    `total` with its 95 % interval `low`..`high`, `seen` distinct ones found, `unseen` the estimate of what nobody
    found.
    `shaky`: fewer than seven were found by both, so that the estimate's bias is no longer negligible (Robson and
    Regier 1964).
    """

    first: int
    second: int
    both: int
    seen: int
    total: float
    low: float
    high: float
    unseen: float
    shaky: bool
    method: str = "Chapman 1951"


def share(part: int, whole: int) -> Share:
    """A share of a whole; of an empty whole, None."""
    return Share(part=part, whole=whole, share=part / whole if whole else None)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The percentile (0..100) by linear interpolation between closest ranks; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Sequence[float]) -> float | None:
    """The middle value, the mean of the middle two; None without values."""
    return percentile(values, 50)


def chapman(first: int, second: int, both: int) -> Estimate:
    """Chapman's estimator N = (n1+1)(n2+1)/(m+1) - 1 with Seber's variance.

    The interval is the log-normal one on the unseen part (Chao 1987): it never goes below what was seen.
    Raises ValueError when more were found by both than by either.
    """
    if not 0 <= both <= min(first, second):
        raise ValueError(f"{both} found by both of {first} and {second}")
    total = (first + 1) * (second + 1) / (both + 1) - 1
    variance = (first + 1) * (second + 1) * (first - both) * (second - both) / ((both + 1) ** 2 * (both + 2))
    seen = first + second - both
    unseen = total - seen
    low = high = total
    if unseen > 0:
        spread = math.exp(_Z_95 * math.sqrt(math.log(1 + variance / unseen**2)))
        low, high = seen + unseen / spread, seen + unseen * spread
    return Estimate(
        first=first,
        second=second,
        both=both,
        seen=seen,
        total=total,
        low=low,
        high=high,
        unseen=unseen,
        shaky=both < _SHAKY_BELOW,
    )
