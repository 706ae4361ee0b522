"""Asks scoring whether it keeps up, for the watchdog: what is not scored raises no hazard to be late with."""

import re
from collections.abc import Callable

import httpx

ANSWER_SECONDS = 3.0
_STALLED = re.compile(r"^keycounty_scoring_stalled_seconds (\S+)$", re.MULTILINE)


class ScoringWatch:
    """Seconds for which scoring at `url` has not answered, was not ready or has stood still. `now` in seconds."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        self._url = url.rstrip("/")
        self._now = now
        self._unwell_since: float | None = None

    async def seconds(self) -> float:
        """0 when it is well. Opens a connection of its own each time: it is asked from the watchdog's loop."""
        try:
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as http:
                ready = await http.get(f"{self._url}/health/ready")
                metrics = await http.get(f"{self._url}/metrics")
        except httpx.HTTPError:
            return self._unwell()
        if ready.status_code != httpx.codes.OK:
            return self._unwell()
        self._unwell_since = None
        found = _STALLED.search(metrics.text)
        return float(found[1]) if found else 0.0

    def _unwell(self) -> float:
        now = self._now()
        self._unwell_since = now if self._unwell_since is None else self._unwell_since
        return now - self._unwell_since
