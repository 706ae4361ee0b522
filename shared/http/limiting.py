"""How many requests a key may make in a minute; asked by the authenticator before a route begins.

A sliding window counter of our own: the one of the library `limits` starts a thread per request, which costs more
than the request.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 60.0
KEYS_KEPT = 50_000


@dataclass(slots=True)
class _Window:
    number: int = 0
    now: int = 0
    before: int = 0


class RateLimit:
    """Requests of this window and the share of the last one that still counts, per key and replica."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._monotonic = monotonic
        self._windows: dict[str, _Window] = {}

    def retry_after_s(self, key_id: str) -> int | None:
        """None when the key may go on, else the whole seconds after which its next request is taken."""
        number, into = divmod(self._monotonic(), WINDOW_S)
        window = self._windows.get(key_id)
        if window is None:
            if len(self._windows) >= KEYS_KEPT:
                self._windows.clear()
            window = self._windows[key_id] = _Window(int(number))
        if window.number != int(number):
            window.before = window.now if window.number == int(number) - 1 else 0
            window.number, window.now = int(number), 0
        if window.now + window.before * (1 - into / WINDOW_S) >= self._limit:
            return max(1, math.ceil(self._free_at(window) - into))
        window.now += 1
        return None

    def _free_at(self, window: _Window) -> float:
        """When less than the limit counts, in seconds from the beginning of this window."""
        if window.now < self._limit:
            return WINDOW_S * (1 - (self._limit - window.now) / window.before)
        return WINDOW_S + WINDOW_S * (1 - self._limit / window.now)
