"""What the raw log says of a unit's findings, in plain Python over its events. For tests of figures.

Nothing that scoring or reporting derived is looked at, and none of their code is used.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from shared.events.envelope import Event
from shared.events.inspections import (
    DayStarted,
    InspectionSubmitted,
    ItemResult,
    RectificationReported,
    RoundClosed,
    RoundOpened,
)

SELF, COUNTY, EXPERT = "self_inspection", "re_examination", "expert_verification"
STAGES = (SELF, COUNTY, EXPERT)


@dataclass
class Word:
    """What one stage said last: in which round, with which submission, and the grade it gave to a finding."""

    round_id: str
    submission: UUID
    grade: str | None


@dataclass
class Place:
    """One finding: by whom it was reported, when it is due, and what became of it."""

    enterprise: str
    checklist: str
    item: str
    by: dict[str, Word] = field(default_factory=dict)
    grade: str = ""
    round_id: str = ""
    opened_round: str = ""
    opened_on: date = date.min
    episode: int = 0
    due_on: date | None = None
    due_rank: int = -1
    closed_on: date | None = None
    closed_in: str = ""
    gone: bool = False
    focus: tuple[str, ...] = ()

    @property
    def closed(self) -> bool:
        return self.closed_on is not None

    @property
    def timely(self) -> bool:
        return self.closed_on is not None and (self.due_on is None or self.closed_on <= self.due_on)

    def stages(self, round_id: str) -> list[str]:
        """The stages that report it in a round."""
        return [stage for stage in STAGES if (word := self.by.get(stage)) and word.grade and word.round_id == round_id]


@dataclass
class RawFindings:
    """A unit's findings and the closings of each round, from its events in their order."""

    places: dict[UUID, Place] = field(default_factory=dict)
    closed: Counter[str] = field(default_factory=Counter)
    timely: Counter[str] = field(default_factory=Counter)
    round_id: str = ""
    day: date = date.min

    def read(self, log: Iterable[Event]) -> "RawFindings":
        """Takes the events in, drills left out."""
        for event in log:
            data = event.data
            if isinstance(data, RoundOpened) and data.round_id > self.round_id:
                self.round_id = data.round_id
                self._leave()
            elif isinstance(data, RoundClosed):
                self._leave()
            elif isinstance(data, DayStarted):
                self.day = data.day
            elif isinstance(data, InspectionSubmitted) and not data.drill:
                self._inspected(data)
            elif isinstance(data, RectificationReported) and not data.drill:
                self._rectified(data)
        return self

    def standing(self) -> list[Place]:
        """The findings of the current round: reported in it, still open from before, or closed in it."""
        now = self.round_id
        return [one for one in self.places.values() if now in (one.round_id, one.closed_in) or not one.closed]

    def overdue(self, place: Place) -> bool:
        return not place.closed and place.due_on is not None and place.due_on < self.day

    def _leave(self) -> None:
        """With its round a closed finding leaves: no step changes it, and stages speak of it anew."""
        for place in self.places.values():
            place.gone = place.gone or place.closed

    def _inspected(self, data: InspectionSubmitted) -> None:
        stage = str(data.stage)
        reported = {row.finding_id for row in data.results if row.outcome == "finding"}
        for row in data.results:
            if row.outcome == "finding":
                self._reported(data, stage, row)
        whole = {row.item for row in data.results if row.outcome != "finding" and not row.ref}
        denied = {row.finding_id for row in data.results if row.outcome != "finding" and row.ref}
        for name, place in self.places.items():
            if (place.enterprise, place.checklist) != (data.enterprise_id, data.checklist) or name in reported:
                continue
            if name in denied or place.item in whole:
                place.by[stage] = Word(data.round_id, data.submission_id, None)  # the grade stays as it stood
            elif stage in place.by and place.by[stage].submission == data.supersedes:
                del place.by[stage]  # nothing is said any more

    def _reported(self, data: InspectionSubmitted, stage: str, row: ItemResult) -> None:
        assert row.finding_id is not None
        place = self.places.setdefault(row.finding_id, Place(data.enterprise_id, data.checklist, row.item))
        if place.episode == 0 or place.closed:
            place.by = {} if place.gone else place.by
            place.focus = () if place.gone else place.focus
            place.episode += 1
            place.opened_round, place.opened_on = data.round_id, data.inspected_on
            place.due_on, place.due_rank, place.closed_on, place.closed_in, place.gone = None, -1, None, "", False
        place.by[stage] = Word(data.round_id, data.submission_id, str(row.grade or "major"))
        place.round_id, place.grade = data.round_id, _grade(place)
        place.focus = tuple(row.focus) or place.focus
        rank = STAGES.index(stage)
        first_or_higher = place.due_on is None or rank > place.due_rank
        if row.due_on is not None and (first_or_higher or rank == place.due_rank > 0):
            place.due_on, place.due_rank = row.due_on, rank

    def _rectified(self, data: RectificationReported) -> None:
        place = self.places[data.finding_id]
        if place.gone or (place.closed and data.action != "rejected"):
            return
        if data.action == "verified":
            place.closed_on, place.closed_in = data.on, self.round_id
            self._count(place, 1)
        elif data.action == "rejected" and place.closed:
            self._count(place, -1)
            place.closed_on, place.closed_in = None, ""
        elif data.action == "extended" and data.due_on is not None:
            place.due_on, place.due_rank = data.due_on, {"county": 1, "expert": 2}[data.by]
        elif data.action in ("planned", "done") and data.due_on is not None and place.due_on is None:
            place.due_on, place.due_rank = data.due_on, 0

    def _count(self, place: Place, by: int) -> None:
        self.closed[self.round_id] += by
        self.timely[self.round_id] += by * place.timely


def _grade(place: Place) -> str:
    """That of the highest stage among those that reported it in the latest round; as it stood when none does."""
    words = [(word.round_id, STAGES.index(stage), word.grade) for stage, word in place.by.items() if word.grade]
    return max(words)[2] or place.grade if words else place.grade
