"""CPU of a contender's steady state. Used by every contender of the scoring benchmark."""

import time
from dataclasses import dataclass


@dataclass
class Meter:
    """CPU of this process between the first tenth and the last of `count` events."""

    count: int
    seen: int = 0
    began: tuple[int, float] | None = None

    def add(self, events: int) -> bool:
        """True when all have been seen."""
        self.seen += events
        if self.began is None and self.seen >= self.count / 10:
            self.began = self.seen, time.process_time()
        return self.seen >= self.count

    def report(self) -> dict[str, float]:
        assert self.began is not None
        return {"events": self.seen - self.began[0], "cpu_s": time.process_time() - self.began[1]}
