"""Is this process fit to serve? Parts register checks, `/health/ready` asks them."""

import asyncio
from collections.abc import Awaitable, Callable

Check = Callable[[], Awaitable[str | None]]


class Health:
    """The checks of one process by name. A check answers None when well, else what is wrong; one that fails or takes
    longer than `timeout_s` is wrong too.
    """

    def __init__(self, timeout_s: float = 4.0) -> None:
        self._timeout_s = timeout_s
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Raises ValueError for a name that is taken."""
        if name in self._checks:
            raise ValueError(f"there is a health check {name!r} already")
        self._checks[name] = check

    async def report(self) -> dict[str, str | None]:
        """What every part says, asked side by side."""
        said = await asyncio.gather(*(self._ask(check) for check in self._checks.values()))
        return dict(zip(self._checks, said, strict=True))

    async def _ask(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await check()
        except TimeoutError:
            return f"no answer in {self._timeout_s:g} s"
        except Exception as wrong:  # noqa: BLE001  a check that fails is an answer
            return str(wrong) or type(wrong).__name__
