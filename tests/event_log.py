"""A seeded log of `inspections.v1`: every event type, right sequences per subject, in the order intake would publish.
All synthetic.

Used by the frozen-log replay, property tests and benchmarks. The same arguments give the same events, byte for byte.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from shared.events.base import RuleSetRef, Stage
from shared.events.envelope import Event
from shared.rulesets import load
from tests import builders as build
from tests.log_world import CHECKLISTS, Step, Unit, inspect, new_unit, rectifying

OPENS = date(2023, 2, 13)
ROUND_DAYS = 60
WINDOW_DAYS = 16
SUBSTANCES = ((12, (2.0, 5.0, 30.0, 250.0)), (1, (5.0, 40.0)), (6, (0.1, 0.5, 4.0)), (7, (8.0, 60.0)))


def event_log(
    seed: int = 1,
    *,
    units: int = 4,
    enterprises: int = 8,
    rounds: int = 2,
    rule_sets: Sequence[RuleSetRef] | None = None,
) -> list[Event]:
    """The whole log in order of time; events of one unit are in the order of its partition.

    The defaults give about 2,000 events: each enterprise inspected in three stages against two checklists, superseded,
    disputed and repeated findings, rectifications, drills, accidents with supplements, a day.started per unit and day.
    """
    refs = load().refs() if rule_sets is None else tuple(rule_sets)
    found = [event for number in range(units) for event in _unit_log(seed, number, enterprises, rounds, refs)]
    return sorted(found, key=lambda event: event.time)


def inspection_events(
    count: int, *, seed: int = 1, units: int = 1, enterprises: int = 20, round_id: str = build.ROUND
) -> Iterator[Event]:
    """`count` inspections of 20 items with grading, about 2 kB each as `compact`, over units and enterprises in turn;
    for benchmarks.

    Each is a first or superseding submission of its key; sequences are per enterprise. Open the round first
    (`round_openings`).
    """
    rng = random.Random(seed)
    state = [new_unit(seed, number, enterprises) for number in range(units)]
    at = datetime.fromisoformat(f"{OPENS.isoformat()}T09:00:00+08:00")
    for index in range(count):
        unit = state[index % units]
        enterprise_id = unit.enterprises[(index // units) % enterprises]
        stage = build.STAGES[(index // (units * enterprises)) % 3]
        event = inspect(unit, enterprise_id, stage, "mhd-2017-121", round_id, at, rng, findings=2)
        yield event
        at += timedelta(seconds=1)


def compact(event: Event) -> bytes:
    """The event's value without fields at their defaults: as valid as the whole, and half its size."""
    return event.data.model_dump_json(by_alias=True, exclude_defaults=True).encode()


def round_openings(*, seed: int = 1, units: int = 1, enterprises: int = 20) -> list[Event]:
    """The `round.opened` that belong to `inspection_events` of the same figures."""
    at = datetime.fromisoformat(f"{OPENS.isoformat()}T00:00:00+08:00")
    state = [new_unit(seed, number, enterprises) for number in range(units)]
    return [
        build.round_opened(unit_id=unit.id, enterprises=unit.enterprises, rule_sets=load().refs(), opens=OPENS, at=at)
        for unit in state
    ]


def _unit_log(seed: int, number: int, enterprises: int, rounds: int, refs: Sequence[RuleSetRef]) -> list[Event]:
    unit = new_unit(seed, number, enterprises)
    steps: list[tuple[datetime, int, Step]] = []
    for index in range(rounds):
        opens = OPENS + timedelta(days=index * (ROUND_DAYS + 10))
        for at, step in _round_steps(
            unit, f"{2023 + index // 2}-{index % 2 + 1}", opens, refs, last=index == rounds - 1
        ):
            steps.append((at, len(steps), step))
    written = (step(at) for at, _, step in sorted(steps, key=lambda each: each[:2]))
    return [event for event in written if event is not None]


def _moment(unit: Unit, day: date) -> datetime:
    seconds = unit.random.randrange(8 * 3600, 18 * 3600)
    return datetime.fromisoformat(f"{day.isoformat()}T00:00:00+08:00") + timedelta(seconds=seconds)


def _midnight(day: date) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T00:00:00+08:00")


def _round_steps(
    unit: Unit, round_id: str, opens: date, refs: Sequence[RuleSetRef], last: bool
) -> Iterator[tuple[datetime, Step]]:
    rng = unit.random

    def on(first: int, until: int) -> datetime:
        return _moment(unit, opens + timedelta(days=rng.randrange(first, until)))

    yield from _opening(unit, round_id, opens, refs)
    for day in range(ROUND_DAYS + 10):
        yield _midnight(opens + timedelta(days=day)) + timedelta(seconds=1), _day(unit, opens + timedelta(days=day))
    for enterprise_id in unit.enterprises:
        yield from _declarations(unit, enterprise_id, on)
        yield from _inspections(unit, enterprise_id, round_id, on)
        yield from _rectifications(unit, enterprise_id, on)
    yield from _unit_records(unit, round_id, on)
    yield from _accidents(unit, on)
    if last:
        gone = unit.enterprises[-1]
        at = _moment(unit, opens + timedelta(days=ROUND_DAYS + 5))
        yield at, lambda at: build.enterprise_withdrawn(unit_id=unit.id, enterprise_id=gone, at=at)
    closes = _moment(unit, opens + timedelta(days=ROUND_DAYS))
    yield closes, lambda at: build.round_closed(3, unit_id=unit.id, round_id=round_id, at=at)


def _opening(unit: Unit, round_id: str, opens: date, refs: Sequence[RuleSetRef]) -> Iterator[tuple[datetime, Step]]:
    period = {"name": "synthetic period", "from": opens + timedelta(days=20), "to": opens + timedelta(days=28)}
    common: dict[str, Any] = {
        "unit_id": unit.id,
        "round_id": round_id,
        "rule_sets": refs,
        "opens": opens,
        "expert_target": 3,
    }
    fewer = unit.enterprises[:-1]
    yield _midnight(opens), lambda at: build.round_opened(1, enterprises=fewer, at=at, **common)
    again = {**common, "enterprises": unit.enterprises, "important_periods": (period,)}
    yield _moment(unit, opens), lambda at: build.round_opened(2, at=at, **again)


def _day(unit: Unit, day: date) -> Step:
    return lambda at: build.day_started(day, unit_id=unit.id, at=at)


def _declarations(
    unit: Unit, enterprise_id: str, on: Callable[[int, int], datetime]
) -> Iterator[tuple[datetime, Step]]:
    rng = unit.random
    for index in range(rng.randrange(1, 3)):
        common = {"unit_id": unit.id, "hazard_unit_id": f"HU-{index}"}
        for first, until in ((1, 10), (15, 50)):
            drill, named = rng.random() < 0.1, build.NAMED if rng.random() < 0.8 else build.NOBODY
            chosen = [(row, rng.choice(tonnes)) for row, tonnes in rng.sample(SUBSTANCES, 2)]
            fields = {
                **common,
                "substances": chosen,
                "responsible": named,
                "drill": drill,
                "exposed_population": rng.choice((0, 20, 60, 150)),
            }
            yield on(first, until), _record(unit, enterprise_id, build.hazard_unit_declared, fields)
        if rng.random() < 0.15:
            yield on(50, 58), _record(unit, enterprise_id, build.hazard_unit_withdrawn, common)
    plant = {"unit_id": unit.id, "installation_id": "IN-1"}
    aged = {
        **plant,
        "commissioned_on": date(rng.randrange(1995, 2020), 5, 1),
        "treatment": rng.choice((None, "upgrade", "exit")),
    }
    yield on(1, 30), _record(unit, enterprise_id, build.installation_declared, aged)
    if rng.random() < 0.2:
        yield on(40, 58), _record(unit, enterprise_id, build.installation_withdrawn, plant)


def _record(unit: Unit, subject: str, builder: Callable[..., Event], fields: dict[str, Any]) -> Step:
    named = {} if subject == unit.id else {"enterprise_id": subject}
    return lambda at: builder(unit.next(subject), at=at, **named, **fields)


def _inspections(
    unit: Unit, enterprise_id: str, round_id: str, on: Callable[[int, int], datetime]
) -> Iterator[tuple[datetime, Step]]:
    rng = unit.random
    for index, stage in enumerate(build.STAGES):
        first = 1 + index * WINDOW_DAYS
        for checklist in CHECKLISTS:
            for _ in range(2 if rng.random() < 0.3 else 1):
                yield on(first, first + WINDOW_DAYS - 2), _inspecting(unit, enterprise_id, stage, checklist, round_id)
    if rng.random() < 0.3:
        yield on(1, 40), _inspecting(unit, enterprise_id, Stage.SELF_INSPECTION, "mhd-2017-121", round_id, drill=True)


def _inspecting(
    unit: Unit, enterprise_id: str, stage: Stage, checklist: str, round_id: str, drill: bool = False
) -> Step:
    return lambda at: inspect(unit, enterprise_id, stage, checklist, round_id, at, unit.random, drill=drill)


def _rectifications(
    unit: Unit, enterprise_id: str, on: Callable[[int, int], datetime]
) -> Iterator[tuple[datetime, Step]]:
    for action, count in (("planned", 2), ("done", 3), ("final", 3)):
        for _ in range(count):
            yield on(8, 59), rectifying(unit, enterprise_id, action)


def _unit_records(unit: Unit, round_id: str, on: Callable[[int, int], datetime]) -> Iterator[tuple[datetime, Step]]:
    rng = unit.random
    for _ in range(2):
        scores = {"unit_id": unit.id, "score": float(rng.randrange(50, 95))}
        yield on(1, 58), _record(unit, unit.id, build.park_assessed, scores)
    for first in (5, 25, 45):
        done = {"unit_id": unit.id, "round_id": round_id, "progress": round((first + rng.randrange(10)) / 60, 2)}
        yield on(first, first + 10), _record(unit, unit.id, build.key_task_progressed, done)
    for kind in ("visit", "advice", "training"):
        given = {"unit_id": unit.id, "round_id": round_id, "kind": kind, "hours": float(rng.randrange(1, 6))}
        yield on(33, 50), _record(unit, unit.id, build.guidance_recorded, given)


def _accidents(unit: Unit, on: Callable[[int, int], datetime]) -> Iterator[tuple[datetime, Step]]:
    rng = unit.random
    enterprise_id = rng.choice(unit.enterprises)
    first = {"unit_id": unit.id, "deaths": rng.randrange(0, 3), "missing": rng.randrange(0, 2)}

    def report(at: datetime) -> Event:
        event = build.accident_reported(unit.next(enterprise_id), enterprise_id=enterprise_id, at=at, **first)
        unit.accidents[enterprise_id] = event.data
        return event

    def supplement(at: datetime) -> Event:
        known = unit.accidents[enterprise_id]
        figures = {"deaths": known.deaths + known.missing, "missing": 0, "occurred_at": known.occurred_at}
        changes = {"unit_id": unit.id, "supplement_to": known.accident_id, **figures}
        return build.accident_reported(unit.next(enterprise_id), enterprise_id=enterprise_id, at=at, **changes)

    yield on(10, 25), report
    yield on(26, 40), supplement
