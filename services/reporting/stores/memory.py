"""Read models and evaluations in memory: for tests, and for recomputing documents from a log."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from services.reporting.documents import Document, Where, Write
from services.reporting.freezing import Frozen
from services.reporting.generations import State

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$in": lambda value, wanted: value in wanted,
    "$ne": lambda value, wanted: value != wanted,
    "$lt": lambda value, wanted: value is not None and value < wanted,
    "$lte": lambda value, wanted: value is not None and value <= wanted,
    "$gt": lambda value, wanted: value is not None and value > wanted,
    "$gte": lambda value, wanted: value is not None and value >= wanted,
}


class MemoryReadModels:
    """Implements `ReadModels` and counts nothing, persists nothing."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Document]] = defaultdict(dict)

    async def replace_newer(self, writes: Sequence[Write]) -> None:
        for write in writes:
            known = self.collections[write.collection].get(write.id)
            if known is None or known["order"] <= write.order:
                self.collections[write.collection][write.id] = {
                    **deepcopy(write.document),
                    "_id": write.id,
                    "order": write.order,
                }

    async def get(self, collection: str, id: str) -> Document | None:
        return deepcopy(self.collections[collection].get(id))

    async def get_many(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        known = self.collections[collection]
        return {name: deepcopy(known[name]) for name in ids if name in known}

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        sort: Sequence[str] = ("_id",),
        limit: int = 0,
        fields: Sequence[str] = (),
    ) -> list[Document]:
        found = [document for document in self.collections[collection].values() if fits(document, where)]
        for name in reversed(sort):
            found.sort(
                key=lambda document: _sort_key(value_at(document, name.lstrip("-"))), reverse=name.startswith("-")
            )
        return [_only(deepcopy(document), fields) for document in (found[:limit] if limit else found)]

    async def drop(self) -> None:
        """Removes everything."""
        self.collections.clear()

    async def remove(self, collection: str, where: Where) -> None:
        kept = self.collections[collection]
        self.collections[collection] = {name: row for name, row in kept.items() if not fits(row, where)}


def fits(document: Mapping[str, Any], where: Where) -> bool:
    """Whether a document fits the subset of MongoDB's filters that `ReadModels` names."""
    for name, wanted in where.items():
        value = value_at(document, name)
        if isinstance(wanted, Mapping) and all(key in _COMPARE for key in wanted):
            if not all(_COMPARE[key](value, bound) for key, bound in wanted.items()):
                return False
        elif value != wanted:
            return False
    return True


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """The value under a dotted path, None when absent."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def _only(document: Document, fields: Sequence[str]) -> Document:
    if not fields:
        return document
    found: Document = {"_id": document["_id"]}
    for path in fields:
        *parents, leaf = path.split(".")
        source: Any = document
        target = found
        for part in parents:
            source = source.get(part, {})
            target = target.setdefault(part, {})
        if leaf in source:
            target[leaf] = source[leaf]
    return found


class MemoryGenerations:
    """Implements `Generations`."""

    def __init__(self) -> None:
        self._state = State()

    async def state(self) -> State:
        return self._state

    async def change(self, old: State, new: State) -> bool:
        if self._state != old:
            return False
        self._state = new
        return True


class MemoryEvaluations:
    """Implements `Evaluations`."""

    def __init__(self) -> None:
        self._kept: dict[str, Frozen] = {}

    async def add(self, evaluation: Frozen) -> Frozen | None:
        if evaluation.id in self._kept:
            return self._kept[evaluation.id]
        line = await self.of(evaluation.round_id, evaluation.unit_id)
        if any(one.supersedes == evaluation.supersedes for one in line):
            return None
        self._kept[evaluation.id] = evaluation
        return evaluation

    async def get(self, id: str) -> Frozen | None:
        return self._kept.get(id)

    async def of(self, round_id: str, unit_id: str | None) -> Sequence[Frozen]:
        found = [one for one in self._kept.values() if (one.round_id, one.unit_id) == (round_id, unit_id)]
        return sorted(found, key=lambda one: one.frozen_at)
