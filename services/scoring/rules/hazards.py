"""Hazards: raised, updated, cleared, with computed ids. Rules compare what stood before an event with what stands
after.
"""

from typing import NamedTuple

from services.scoring.rules.measures import Json
from services.scoring.rules.output import Cause, Derived, derived, named, type_of
from shared.events.hazards import HazardCleared, HazardRaised, HazardUpdated

RAISED, UPDATED, CLEARED = type_of(HazardRaised), type_of(HazardUpdated), type_of(HazardCleared)


class Standing(NamedTuple):
    """A hazard that stands: the row of the alert policy it falls under, and the facts stated."""

    policy_key: str
    facts: Json


class Subject(NamedTuple):
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
) -> tuple[list[Derived], int]:
    """The events that lead from before to after, and the number of the last episode. `reason` is given when cleared."""
    if before == after:
        return [], episode
    return changed(cause, about, episode, before is not None, after, reason)


def changed(
    cause: Cause, about: Subject, episode: int, stood: bool, after: Standing | None, reason: str
) -> tuple[list[Derived], int]:
    """The same, of a hazard known to have changed; `stood`: whether one stood before."""
    if after is None:
        return [cleared(cause, about, episode, reason)], episode
    if stood:
        return [stated(UPDATED, cause, about, episode, after)], episode
    return [stated(RAISED, cause, about, episode + 1, after)], episode + 1


def stated(type_: str, cause: Cause, about: Subject, episode: int, standing: Standing) -> Derived:
    """The hazard as raised or updated, whole."""
    id = hazard_id(about, episode)
    data = {
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
        "caused_at": cause.at,
        "log_position": cause.position,
    }
    return derived(type_, data, id, about.unit_id, cause)


def cleared(cause: Cause, about: Subject, episode: int, reason: str) -> Derived:
    """The hazard stands no longer."""
    id = hazard_id(about, episode)
    data = {
        "unit_id": about.unit_id,
        "hazard_id": id,
        "kind": about.kind,
        "subject": about.id,
        "episode": episode,
        "reason": reason,
        "drill": about.drill,
        "caused_at": cause.at,
        "log_position": cause.position,
    }
    return derived(CLEARED, data, id, about.unit_id, cause)


def hazard_id(about: Subject, episode: int) -> str:
    """UUIDv5(kind, subject, episode), as `shared.events.base.hazard_id` defines it."""
    return named(f"hazard|{about.kind}|{about.id}|{episode}")
