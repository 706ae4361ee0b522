"""Freezes evaluations: facts at one cut-off of the log, canonical JSON (RFC 8785), SHA-256. Called by the API."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import rfc8785

from services.reporting.at_cut import AtCut, Cut
from services.reporting.documents import Document, ReadModels, stamp
from services.reporting.facts import Facts
from services.reporting.generations import pinned
from services.reporting.item_titles import item_titles
from services.reporting.rules.evaluation import UnitEvaluation, UnitFacts, evaluate_unit
from services.reporting.rules.nation import NationalEvaluation, evaluate_nation
from services.reporting.rules.suggestions import Suggestion
from shared.errors import Unavailable
from shared.events.base import Value, name_id
from shared.registry import Registry
from shared.rulesets import RuleSets
from shared.rulesets.unit_index import UnitIndex

PATIENCE_S = 6.0
STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen evaluation: `body` is its canonical JSON, `sha256` the hex digest of `body` without the `sha256`
    field.
    """

    id: str
    round_id: str
    unit_id: str | None
    sha256: str
    frozen_at: str
    supersedes: str | None
    body: str

    def content(self) -> dict[str, Any]:
        """The evaluation as JSON data."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Evaluations(Protocol):
    """Where frozen evaluations are kept; nothing in it ever changes."""

    async def add(self, evaluation: Frozen) -> Frozen | None:
        """Keeps it; answers the one already kept under its id, if any, and None, keeping nothing, when another has
        superseded the same one: the evaluations of a unit in a round are one line.
        """
        ...

    async def get(self, id: str) -> Frozen | None: ...

    async def of(self, round_id: str, unit_id: str | None) -> Sequence[Frozen]:
        """The evaluations of a unit (or of the nation) in a round, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Freezer:
    """Builds and keeps evaluations. Short boards follow the unit index that scored the unit."""

    models: ReadModels
    evaluations: Evaluations
    registry: Registry
    rule_sets: RuleSets
    suggestions: Mapping[str, Suggestion]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    patience_s: float = PATIENCE_S
    timezone: str = "Asia/Shanghai"

    async def freeze(self, round_id: str, unit_id: str | None, by: str) -> Frozen | None:
        """The evaluation of a unit, or of all units of the round (`unit_id` None); None when the round has none there.

        Raises `Unavailable("projection")` when not everything derived from the log as seen now has arrived in time.
        """
        models = pinned(self.models)
        seen = await _seen_of(models, "inspections.v1")
        waited = 0.0
        while True:
            cut = await _cut(models, seen)
            if cut is not None:
                return await self._build(models, round_id, unit_id, by, cut)
            if waited >= self.patience_s:
                raise Unavailable("projection", "scoring has not caught up with what has been reported", 5)
            waited += STEP_S
            await self.sleep(STEP_S)

    async def _build(self, models: ReadModels, round_id: str, unit_id: str | None, by: str, cut: Cut) -> Frozen | None:
        alerts_cut = await _seen_of(models, "alerts.v1")
        facts = Facts(AtCut(models, cut, alerts_cut), self.registry, item_titles(self.rule_sets))
        cut_off = {"inspections.v1": cut, "alerts.v1": alerts_cut}
        if unit_id is None:
            nation = await self._nation(round_id, facts)
            return await self._keep(nation, cut_off, by) if nation else None
        found = await facts.of_unit(round_id, unit_id)
        return await self._keep(self._evaluate(found), cut_off, by) if found else None

    async def _nation(self, round_id: str, facts: Facts) -> NationalEvaluation | None:
        built: list[UnitEvaluation] = []
        for name in await facts.units_of_round(round_id):
            one = await facts.of_unit(round_id, name)
            if one is not None:
                built.append(self._evaluate(one))
        return evaluate_nation(round_id, built) if built else None

    def _evaluate(self, facts: UnitFacts) -> UnitEvaluation:
        ref = next(ref for ref in facts.unit.rule_sets if ref.id == "unit-index")
        return evaluate_unit(facts, self.rule_sets.get(ref.id, ref.version).of(UnitIndex).short_board, self.suggestions)

    async def _keep(self, evaluation: Value, cut_off: Mapping[str, Cut], by: str) -> Frozen:
        """The evaluation as the last of its line, unless that says the same or knows more already."""
        content = {
            **evaluation.model_dump(mode="json"),
            "cut_off": {topic: dict(cut) for topic, cut in cut_off.items()},
            "frozen_at": stamp(self.now()),
            "frozen_by": by,
            "timezone": self.timezone,
        }
        while True:
            last = last_of(await self.evaluations.of(content["round_id"], content["unit_id"]))
            if last is not None and _stands_for(last, content):
                return last
            kept = await self.evaluations.add(seal({**content, "supersedes": last.id if last else None}))
            if kept is not None:
                return kept


async def _cut(models: ReadModels, seen: Cut) -> Cut | None:
    """Next offset per partition up to which the log and everything derived from it are here; None while that lags
    behind `seen`.
    """
    rows = await models.find("folds", {})
    # `position` is the last offset scored; a cut is the next one.
    passed = {str(row["partition"]): row["position"] + 1 for row in rows}
    # What scoring made of the log may be here before the log itself, which is another topic.
    read = await _seen_of(models, "inspections.v1")
    cut = {partition: min(next_offset, read.get(partition, 0)) for partition, next_offset in passed.items()}
    return cut if _covers(cut, seen) else None


async def _seen_of(models: ReadModels, topic: str) -> Cut:
    """What this service has seen of a topic: next offset per partition."""
    rows = await models.find("progress", {"topic": topic})
    return {str(row["partition"]): row["next"] for row in rows}


def last_of(line: Sequence[Frozen]) -> Frozen | None:
    """The evaluation that no other of the line supersedes."""
    superseded = {one.supersedes for one in line}
    return next((one for one in line if one.id not in superseded), None)


def _stands_for(last: Frozen, content: Document) -> bool:
    """Whether the last evaluation says the same, or was made from all of this and more while this was being built."""
    known = last.content()
    ours, theirs = content["cut_off"], known["cut_off"]
    if ours == theirs:
        return _substance(known) == _substance(content)
    return all(_covers(theirs[topic], cut) for topic, cut in ours.items())


def _covers(cut: Cut, other: Cut) -> bool:
    """Whether a cut is nowhere before another."""
    return all(cut.get(partition, 0) >= next_offset for partition, next_offset in other.items())


def seal(document: Document) -> Frozen:
    """The document with its id (computed from round, unit, cut-off, content and what it supersedes) and its SHA-256."""
    supersedes = document.get("supersedes")
    scope = document["unit_id"] or "national"
    name = str(name_id("evaluation", document["round_id"], scope, _substance(document), supersedes or ""))
    whole = {**document, "evaluation_id": name}
    sha256 = digest(whole)
    body = rfc8785.dumps({**whole, "sha256": sha256}).decode()
    return Frozen(name, document["round_id"], document["unit_id"], sha256, document["frozen_at"], supersedes, body)


def _substance(document: Document) -> str:
    """SHA-256 (hex) of what an evaluation says, whenever, by whomever and after whatever it was frozen."""
    about = {"frozen_at", "frozen_by", "supersedes", "evaluation_id"}
    return digest({name: value for name, value in document.items() if name not in about})


def digest(document: Document) -> str:
    """SHA-256 (hex) of the canonical JSON (RFC 8785) without the field `sha256`."""
    return hashlib.sha256(
        rfc8785.dumps({name: value for name, value in document.items() if name != "sha256"})
    ).hexdigest()


def genuine(document: Document) -> bool:
    """Whether a document still has the hash it was frozen with."""
    return isinstance(document.get("sha256"), str) and digest(document) == document["sha256"]
