"""The registry as intake keeps it: changes in one order, checked against everything before them, folded in memory.
Used by handlers and API.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.intake.ports import RegistryStore
from services.intake.rules.announcing import Change, registry_event
from shared.errors import Unavailable
from shared.events.base import RuleSetRef
from shared.registry import Registry
from shared.telemetry import log

PAGE = 1_000
FOLLOW_S = 0.25
TAKEN_IN_A_ROW = 50

Decide = Callable[[Registry], Mapping[str, Any] | None]


class Book:
    """Replicas agree on the order by the revision's unique index: whoever finds it taken reads on, decides again, and
    tries the next.
    """

    def __init__(
        self, store: RegistryStore, registry: Registry, rule_sets: Sequence[RuleSetRef], on_change: Callable[[], None]
    ) -> None:
        self._store = store
        self.registry = registry
        self._rule_sets = tuple(rule_sets)
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._stopping = asyncio.Event()
        self.revision = 0
        registry.complete = False

    async def put(
        self, kind: str, id: str, decide: Decide, *, at: datetime, by: str, correlation_id: str | None
    ) -> Change:
        """Stores what `decide` makes of the registry as it stands (None deletes). It may raise, and may be asked
        again.
        """
        async with self._lock:
            for _ in range(TAKEN_IN_A_ROW):
                found = decide(self.registry)
                refs = self._rule_sets if kind in ("rounds", "enrolments") else ()
                change = Change(self.revision + 1, kind, id, found, at, by, correlation_id, refs)
                if await self._store.add([change]):
                    self._take([change])
                    return change
                await self._read_on()
        raise Unavailable("store", "the registry is being changed by others all the time", 1.0)

    async def follow(self) -> None:
        """Takes in what other replicas changed."""
        async with self._lock:
            await self._read_on()
        self.registry.complete = True

    async def run(self) -> None:
        """Follows until stopped; a store that is away is waited for."""
        while not self._stopping.is_set():
            try:
                await self.follow()
            except Unavailable as away:
                log("book").warning("the registry could not be read", error=str(away))
            try:
                await asyncio.wait_for(self._stopping.wait(), FOLLOW_S)
            except TimeoutError:
                continue

    async def stop(self) -> None:
        self._stopping.set()

    async def check(self) -> str | None:
        """For readiness."""
        return None if self.registry.complete else "the registry has not been read yet"

    def revision_of(self, *names: tuple[str, str]) -> int:
        """The latest change among these objects."""
        return max((self.registry.revision(kind, id) for kind, id in names), default=0)

    async def _read_on(self) -> None:
        while changes := await self._store.after(self.revision, PAGE):
            self._take(changes)

    def _take(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.registry.apply(registry_event(replace(change, rule_sets=())))
            self.revision = change.revision
        self._on_change()
