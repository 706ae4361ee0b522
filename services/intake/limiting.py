"""How many requests a key may make in a minute; asked by the routes before anything else."""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter


class RateLimit:
    """A sliding window per key, in this process: replicas behind a balancer each allow their share."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._windows = SlidingWindowCounterRateLimiter(MemoryStorage())

    def retry_after_s(self, key_id: str) -> int | None:
        """None when the key may go on, else the whole seconds to wait."""
        if self._windows.hit(self._limit, key_id):
            return None
        return 1 + int(60 / max(1, self._limit.amount))
