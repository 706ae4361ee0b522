"""Hazards: raised, updated, cleared, with computed ids. Each rule compares what stood before an event with what stands after it."""

import uuid
from dataclasses import dataclass
from typing import Any

from services.scoring.rules.output import Cause, built, named
from shared.events.envelope import Event
from shared.events.hazards import HazardCleared, HazardRaised, HazardUpdated


@dataclass(frozen=True, slots=True)
class Standing:
    """A hazard that stands: the row of the alert policy it falls under, and the facts stated."""

    policy_key: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a hazard is about. `condition` marks a state rather than an emergency."""

    kind: str
    id: str
    unit_id: str
    enterprise_id: str | None = None
    round_id: str | None = None
    condition: bool = False
    drill: bool = False


def moved(
    cause: Cause, about: Subject, episode: int, before: Standing | None, after: Standing | None, reason: str
) -> tuple[list[Event], int]:
    """The events that lead from before to after, and the number of the last episode. `reason` is given when it is cleared."""
    if before is None and after is None:
        return [], episode
    if after is None:
        return [cleared(cause, about, episode, reason)], episode
    if before is None:
        return [stated(HazardRaised, cause, about, episode + 1, after)], episode + 1
    if before == after:
        return [], episode
    return [stated(HazardUpdated, cause, about, episode, after)], episode


def stated(model: type[HazardRaised], cause: Cause, about: Subject, episode: int, standing: Standing) -> Event:
    """The hazard as raised or updated, whole."""
    id = hazard_id(about, episode)
    data = built(
        model,
        {
            "unit_id": about.unit_id,
            "hazard_id": id,
            "kind": about.kind,
            "policy_key": standing.policy_key,
            "subject": about.id,
            "episode": episode,
            "enterprise_id": about.enterprise_id,
            "round_id": about.round_id,
            "facts": standing.facts,
            "condition": about.condition,
            "drill": about.drill,
            "caused_at": cause.time,
            "log_position": cause.position,
        },
    )
    return cause.event(data, str(id), about.unit_id)


def cleared(cause: Cause, about: Subject, episode: int, reason: str) -> Event:
    """The hazard stands no longer."""
    id = hazard_id(about, episode)
    data = built(
        HazardCleared,
        {
            "unit_id": about.unit_id,
            "hazard_id": id,
            "kind": about.kind,
            "subject": about.id,
            "episode": episode,
            "reason": reason,
            "drill": about.drill,
            "caused_at": cause.time,
            "log_position": cause.position,
        },
    )
    return cause.event(data, str(id), about.unit_id)


def hazard_id(about: Subject, episode: int) -> uuid.UUID:
    """UUIDv5(kind, subject, episode), as `shared.events.base.hazard_id` defines it."""
    return named(f"hazard|{about.kind}|{about.id}|{episode}")
