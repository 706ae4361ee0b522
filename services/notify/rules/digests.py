"""Who leads a digest and whom it names. A digest's id comes of its leading step, and its members are written down with
their claims before it is sent: sent again after a crash it names the same alerts under the same id.
"""

from collections.abc import Sequence
from datetime import datetime

from services.notify.rules.alert import Alert, Step, StepKind


def named(alert: Alert, step: Step, leader: Step | None) -> Step:
    """The step with the digest that it goes with: `leader`'s, or its own."""
    return step.model_copy(update={"note": leader.note if leader else _own(alert, step)})


def leads(alert: Alert, step: Step, others: Sequence[Alert], now: datetime) -> bool:
    """Whether this alert's digest goes now under its own name. One that another digest has named waits while that one
    stands; of several that nobody has named yet, the one with the first id leads.
    """
    if step.note == _own(alert, step):
        return True
    rivals = _digests(alert, others)
    if _standing(step, rivals):
        return False
    return not any(other.id < alert.id and (found.claimed or found.due <= now) for other, found in rivals)


def members(leader: Alert, step: Step, others: Sequence[Alert], now: datetime) -> list[Alert]:
    """The other alerts that a claimed digest names: on the first attempt all whose digest, and nothing else, is due;
    later those of the first.
    """
    rivals = _digests(leader, others)
    if step.claims > 1 and step.note == _own(leader, step):
        return [other for other, found in rivals if found.note == step.note]
    free = [(other, found) for other, found in rivals if not _standing(found, rivals)]
    return [other for other, found in free if [one.id for one in other.steps if one.due <= now] == [found.id]]


def _digests(alert: Alert, others: Sequence[Alert]) -> list[tuple[Alert, Step]]:
    """The digests of the unit's other alerts at the same tier."""
    mates = [other for other in others if other.tier == alert.tier]
    return [(other, step) for other in mates for step in other.steps if step.kind is StepKind.DIGEST]


def _standing(step: Step, rivals: Sequence[tuple[Alert, Step]]) -> bool:
    """Whether another alert's digest has named this one and is not done."""
    return any(step.note == found.note == _own(other, found) for other, found in rivals)


def _own(alert: Alert, step: Step) -> str:
    return f"{alert.id}/{step.id}"
