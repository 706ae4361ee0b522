"""An event loop whose clock jumps to the next thing to do: hours of sessions and time-outs in milliseconds, the same
each time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jump(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Never waits: tells the loop how far its clock may jump instead."""

    jump = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is left that could happen: the simulation has come to a standstill")
        self.jump = 0.0 if ready else timeout or 0.0
        return ready


class SimulatedTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumps = _Jump()
        self._now = 0.0
        super().__init__(self._jumps)

    def time(self) -> float:
        self._now += self._jumps.jump
        self._jumps.jump = 0.0
        return self._now


def run_simulated(story: Coroutine[Any, Any, T]) -> T:
    """Runs the story to its end under simulated time."""
    with asyncio.Runner(loop_factory=SimulatedTimeLoop) as runner:
        forgive_the_dead(runner.get_loop())
        return runner.run(story)


def forgive_the_dead(loop: asyncio.AbstractEventLoop) -> None:
    """Killed workers leave tasks whose exceptions nobody will ever ask for: they are not worth a log line."""
    loop.set_exception_handler(lambda _loop, _context: None)
