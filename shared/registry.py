"""A service's own copy of the registry, fed by `registry.v1`: objects, key hashes, and who is responsible for whom."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from shared.bus import Consumer, Delivery
from shared.errors import Rejected, Unavailable
from shared.events.registry import RegistryDeleted, RegistryPut

Object = Mapping[str, Any]
TIERS = ("county", "prefecture", "province", "national")


class Registry:
    """Objects by kind and id, with the look-ups that routing and authorisation need. Older revisions never replace
    newer ones. `complete` is false while whoever feeds it has not read to the end once: until then an unknown key may
    well be a good one, and a known one be revoked.
    """

    def __init__(self) -> None:
        self.complete = True
        self._objects: dict[str, dict[str, Object]] = defaultdict(dict)
        self._revisions: dict[tuple[str, str], int] = {}
        self._keys_by_hash: dict[str, str] = {}
        self._enterprises_of: dict[str, set[str]] = defaultdict(set)
        self._children: dict[str, set[str]] = defaultdict(set)
        self._units_under: dict[str, set[str]] = defaultdict(set)

    def apply(self, change: RegistryPut | RegistryDeleted) -> bool:
        """Takes one change in. False when it is older than what is known."""
        name = (change.kind, change.id)
        if change.revision < self._revisions.get(name, 0):
            return False
        self._revisions[name] = change.revision
        self._unindex(change.kind, change.id)
        if isinstance(change, RegistryPut):
            self._objects[change.kind][change.id] = change.object
            self._index(change.kind, change.id, change.object)
        return True

    def get(self, kind: str, id: str) -> Object | None:
        """The object as it stands, or None."""
        return self._objects[kind].get(id)

    def all(self, kind: str) -> Mapping[str, Object]:
        """Every object of a kind by id."""
        return self._objects[kind]

    def revision(self, kind: str, id: str) -> int:
        """The last revision known, 0 for what was never put."""
        return self._revisions.get((kind, id), 0)

    def unit(self, id: str) -> Object | None:
        return self.get("units", id)

    def enterprise(self, id: str) -> Object | None:
        return self.get("enterprises", id)

    def authority(self, id: str) -> Object | None:
        return self.get("authorities", id)

    def round(self, id: str) -> Object | None:
        return self.get("rounds", id)

    def enrolment(self, round_id: str, unit_id: str) -> Object | None:
        return self.get("enrolments", f"{round_id}:{unit_id}")

    def key(self, sha256: str) -> tuple[str, Object] | None:
        """(key id, key object) with this hash, revoked ones included."""
        key_id = self._keys_by_hash.get(sha256)
        return None if key_id is None else (key_id, self._objects["keys"][key_id])

    def chain(self, unit_id: str) -> list[tuple[str, str, Object]]:
        """(tier, authority id, authority) from the unit's county authority along `parent`; a loop ends it."""
        found: list[tuple[str, str, Object]] = []
        next_id = (self.unit(unit_id) or {}).get("authority")
        seen: set[str] = set()
        while next_id and next_id not in seen and (authority := self.authority(next_id)) is not None:
            seen.add(next_id)
            found.append((authority["tier"], next_id, authority))
            next_id = authority.get("parent")
        return found

    def units_of_authority(self, id: str) -> frozenset[str]:
        """The units an authority answers for: those named by it, and those of it and of every authority below it."""
        named, waiting, seen = set((self.authority(id) or {}).get("units") or ()), [id], {id}
        while waiting:
            current = waiting.pop()
            named |= self._units_under[current]
            fresh = self._children[current] - seen
            seen |= fresh
            waiting.extend(fresh)
        return frozenset(named)

    def units_of_team(self, id: str) -> frozenset[str]:
        """The units an expert team is assigned to, by the team itself or by an enrolment."""
        named = set((self.get("teams", id) or {}).get("units") or ())
        named |= {
            enrolment["unit_id"] for enrolment in self.all("enrolments").values() if enrolment.get("team_id") == id
        }
        return frozenset(named)

    def enterprises_of_unit(self, unit_id: str) -> frozenset[str]:
        """The enterprises registered in a unit."""
        return frozenset(self._enterprises_of[unit_id])

    def _index(self, kind: str, id: str, found: Object) -> None:
        if kind == "enterprises":
            self._enterprises_of[found["unit_id"]].add(id)
        elif kind == "units" and found.get("authority"):
            self._units_under[found["authority"]].add(id)
        elif kind == "authorities" and found.get("parent"):
            self._children[found["parent"]].add(id)
        elif kind == "keys":
            self._keys_by_hash[found["sha256"]] = id

    def _unindex(self, kind: str, id: str) -> None:
        old = self._objects[kind].pop(id, None)
        if old is None:
            return
        if kind == "enterprises":
            self._enterprises_of[old["unit_id"]].discard(id)
        elif kind == "units" and old.get("authority"):
            self._units_under[old["authority"]].discard(id)
        elif kind == "authorities" and old.get("parent"):
            self._children[old["parent"]].discard(id)
        elif kind == "keys":
            self._keys_by_hash.pop(old["sha256"], None)


class RegistryFeed:
    """Keeps a `Registry` in step with `registry.v1`. `consumer` reads all partitions from the beginning and commits
    nothing.
    """

    def __init__(self, consumer: Consumer, registry: Registry) -> None:
        self._consumer = consumer
        self._registry = registry
        registry.complete = False
        self._stopping = asyncio.Event()
        self._ends: Mapping[tuple[str, int], int] | None = None
        self.unreadable = 0

    async def check(self) -> str | None:
        """For readiness: what is wrong, or None."""
        return None if self._registry.complete else "the registry has not been read to its end yet"

    async def run(self) -> None:
        """Reads until `stop`; a broker that is away is waited for."""
        await self._consumer.start()
        try:
            while not self._stopping.is_set():
                await self._step()
        finally:
            await self._consumer.stop()

    async def stop(self) -> None:
        self._stopping.set()

    async def _step(self) -> None:
        try:
            for delivery in await self._consumer.poll(1000, 0.2):
                self._take(delivery)
            if not self._registry.complete:
                self._registry.complete = await self._caught_up()
        except Unavailable:
            await asyncio.sleep(0.5)

    def _take(self, delivery: Delivery) -> None:
        # A record that is no registry event is intake's bug and no reason to stop alerts: it is counted and passed
        # over.
        try:
            data = delivery.event().data if delivery.value is not None else None
        except Rejected:
            self.unreadable += 1
            return
        if isinstance(data, RegistryPut | RegistryDeleted):
            self._registry.apply(data)

    async def _caught_up(self) -> bool:
        if self._ends is None:
            self._ends = await self._consumer.end_offsets()
        position = await self._consumer.position()
        return all(position.get(partition, 0) >= end for partition, end in self._ends.items())
