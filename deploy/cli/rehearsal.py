"""What sending dead letters again would do to risk results and alerts: the log folded, then the letters after it.
Called by `keycounty dead-letters redrive --dry-run`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.scoring.rules.fold import PartitionFold
from shared.bus import Delivery, Record
from shared.errors import Rejected
from shared.events.envelope import Event, decode
from shared.events.hazards import HazardCleared, HazardRaised, HazardUpdated
from shared.events.risk import UnitAssessed
from shared.kafka_bus import KafkaConsumer
from shared.rulesets import RuleSets
from shared.settings import Settings

LOG = "inspections.v1"


@dataclass(frozen=True, slots=True)
class Standing:
    """A unit's colour and index (points); None for a unit that was never assessed."""

    colour: str | None = None
    index: float | None = None

    def __str__(self) -> str:
        return "not assessed" if self.colour is None else f"{self.colour} ({self.index})"


@dataclass(slots=True)
class Effect:
    """What one letter would do. `refused` says why it would be put away again; the hazards are kind and subject."""

    event: str | None = None
    refused: str | None = None
    units: dict[str, tuple[Standing, Standing]] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people, one thing a line."""
        if self.refused is not None:
            return [f"would be put away again ({self.refused})"]
        changes = [f"{unit}: {before} -> {after}" for unit, (before, after) in self.units.items() if before != after]
        alerts = {"would open": self.raised, "would change": self.updated, "would close": self.cleared}
        changes += [f"alert {verb}: {hazard}" for verb, hazards in alerts.items() for hazard in hazards]
        return [f"would be read as {self.event}", *(changes or ["no colour, index or alert would change"])]

    def as_json(self) -> dict[str, Any]:
        units: list[dict[str, Any]] = [
            {
                "unit_id": unit,
                "colour": before.colour,
                "new_colour": after.colour,
                "index": before.index,
                "new_index": after.index,
            }
            for unit, (before, after) in self.units.items()
        ]
        hazards = {"raised": self.raised, "updated": self.updated, "cleared": self.cleared}
        return {"event": self.event, "refused": self.refused, "units": units, **hazards}


class Rehearsal:
    """The fold of one partition: `take` its log, then `append` letters, each of which adds to those before it."""

    def __init__(self, rules: RuleSets, partition: int) -> None:
        self._fold = PartitionFold(rules, partition)
        self._units: dict[str, Standing] = {}
        self._end = 0

    def take(self, delivery: Delivery) -> None:
        """The next record of the log."""
        self._end = delivery.offset + 1
        try:
            self._fold.apply(delivery.event(), delivery.offset)
        except Rejected:
            self._fold.note_dead_letter(delivery.offset)

    def append(self, record: Record) -> Effect:
        """What a record would change at the end of the log as it stands by now."""
        self._settle()
        effect = Effect()
        try:
            event = decode(record.key, record.value, record.headers)
            self._fold.apply(event, self._end)
        except Rejected as still:
            effect.refused = f"{still.reason}: {still.detail}"
            return effect
        self._end += 1
        effect.event = f"{event.type} about {event.subject} of {event.key}"
        for derived in self._fold.flush().events:
            self._note(derived, effect)
        return effect

    def _settle(self) -> None:
        for derived in self._fold.flush().events:
            if isinstance(derived.data, UnitAssessed):
                self._units[derived.data.unit_id] = _standing(derived.data)

    def _note(self, derived: Event, effect: Effect) -> None:
        data = derived.data
        if isinstance(data, UnitAssessed):
            before = self._units.get(data.unit_id, Standing())
            self._units[data.unit_id] = _standing(data)
            effect.units[data.unit_id] = before, self._units[data.unit_id]
        elif isinstance(data, HazardUpdated):
            effect.updated.append(_named(data))
        elif isinstance(data, HazardRaised):
            effect.raised.append(_named(data))
        elif isinstance(data, HazardCleared):
            effect.cleared.append(_named(data))


def _standing(found: UnitAssessed) -> Standing:
    return Standing(found.colour, found.index)


def _named(hazard: HazardRaised | HazardCleared) -> str:
    return f"{hazard.kind} {hazard.subject}"


async def rehearsals(settings: Settings, rules: RuleSets, partitions: Iterable[int]) -> Mapping[int, Rehearsal]:
    """The partitions of the log folded to their end. Raises `Unavailable`, and `RuleSetMismatch` for a log whose rule
    sets are not at hand.
    """
    found = {number: Rehearsal(rules, number) for number in partitions}
    consumer = KafkaConsumer(settings, [LOG], None)
    await consumer.start()
    try:
        ends = await consumer.end_offsets()
        left = {place for place, end in ends.items() if place[1] in found and end > 0}
        while left:
            _fold(found, await consumer.poll(1000, 0.2))
            position = await consumer.position()
            left = {place for place in left if position.get(place, 0) < ends[place]}
    finally:
        await consumer.stop()
    return found


def _fold(found: Mapping[int, Rehearsal], deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        if delivery.partition in found:
            found[delivery.partition].take(delivery)
