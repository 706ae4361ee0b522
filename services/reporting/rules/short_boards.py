"""Components against their peers, and the short boards (短板) among them. Called by the evaluation and the pages."""

from collections.abc import Sequence

from services.reporting.rules.statistics import median, percentile
from shared.events.base import GuidanceClass, Value
from shared.events.risk import Component, UnitAssessed
from shared.rulesets.unit_index import ShortBoard as ShortBoardRules


class ComparedComponent(Value):
    """A component of the index beside the medians of all units of the round and of those in its guidance class."""

    id: str
    score: float | None
    weight: float
    inputs: dict[str, object]
    clause: str
    national_median: float | None
    class_median: float | None
    class_peers: int


class ShortBoard(Value):
    """A component below its floor, or among the lowest of its guidance class; `reasons` says which."""

    component: str
    score: float
    reasons: tuple[str, ...]
    floor: float
    class_percentile: float | None
    peers: int


class Peer(Value):
    """What of another unit of the round is compared."""

    unit_id: str
    guidance_class: GuidanceClass | None
    index: float | None
    scores: dict[str, float]


def as_peer(unit: UnitAssessed) -> Peer:
    """The unit as others see it."""
    scores = {component.id: component.score for component in unit.components if component.score is not None}
    return Peer(unit_id=unit.unit_id, guidance_class=unit.guidance_class, index=unit.index, scores=scores)


def compared(unit: UnitAssessed, everyone: Sequence[Peer]) -> tuple[ComparedComponent, ...]:
    """Each component with its medians; `everyone` are the units of the round, this one included."""
    return tuple(_compare(component, unit, everyone) for component in unit.components)


def short_boards(unit: UnitAssessed, everyone: Sequence[Peer], rules: ShortBoardRules) -> tuple[ShortBoard, ...]:
    """The short boards, lowest score first. `rules` are those of the unit index."""
    found = [board for component in unit.components if (board := _short(component, unit, everyone, rules))]
    return tuple(sorted(found, key=lambda board: (board.score, board.component)))


def like(unit: UnitAssessed, everyone: Sequence[Peer]) -> list[Peer]:
    """The other units of its guidance class."""
    return [peer for peer in everyone if peer.unit_id != unit.unit_id and peer.guidance_class == unit.guidance_class]


def _compare(component: Component, unit: UnitAssessed, everyone: Sequence[Peer]) -> ComparedComponent:
    of_class = _scores(component.id, [as_peer(unit), *like(unit, everyone)])
    return ComparedComponent(
        **component.model_dump(),
        national_median=median(_scores(component.id, everyone)),
        class_median=median(of_class),
        class_peers=len(_scores(component.id, like(unit, everyone))),
    )


def _short(
    component: Component, unit: UnitAssessed, everyone: Sequence[Peer], rules: ShortBoardRules
) -> ShortBoard | None:
    """Lowest against its peers: below the class's percentile, which needs enough peers; else the floor alone counts."""
    if component.score is None:
        return None
    peers = _scores(component.id, like(unit, everyone))
    bound = percentile([*peers, component.score], rules.percentile) if len(peers) >= rules.peers else None
    reasons = ["below_floor"] if component.score < rules.floor else []
    # A component in which all of the class stand alike is nobody's short board.
    if bound is not None and component.score <= bound and component.score < max(peers):
        reasons.append("lowest_of_class")
    if not reasons:
        return None
    return ShortBoard(
        component=component.id,
        score=component.score,
        reasons=tuple(reasons),
        floor=rules.floor,
        class_percentile=bound,
        peers=len(peers),
    )


def _scores(component_id: str, peers: Sequence[Peer]) -> list[float]:
    return [peer.scores[component_id] for peer in peers if component_id in peer.scores]
