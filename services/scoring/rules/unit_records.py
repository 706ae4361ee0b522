"""Records about the unit itself and accidents: parks, key tasks, guidance, accidents. Called by the fold."""

from services.scoring.rules.calendar import day_of
from services.scoring.rules.hazards import Standing, Subject, moved
from services.scoring.rules.measures import micro
from services.scoring.rules.output import Cause
from services.scoring.rules.state import Accident, Park, Unit
from services.scoring.rules.turn import Turn
from services.scoring.rules.unit_risk import count_apart
from shared.errors import Rejected
from shared.events.inspections import AccidentReported, GuidanceRecorded, KeyTaskProgressed, ParkAssessed


def on_park(turn: Turn, data: ParkAssessed) -> None:
    """The park's assessment replaces the one before."""
    park = Park(data.score, turn.book.park_band(data.assessed_on, data.score), data.assessed_on)
    turn.unit.parks[data.park_id] = park
    turn.row("park", data.park_id, park)
    count_apart(turn.unit, turn.totals)


def on_key_task(turn: Turn, data: KeyTaskProgressed) -> None:
    """The task's progress replaces the one before; that of another round is of no effect."""
    if data.round_id == turn.unit.current:
        turn.unit.tasks[data.task_id] = micro(data.progress)
        count_apart(turn.unit, turn.totals)


def on_guidance(turn: Turn, data: GuidanceRecorded) -> None:
    """Adds to the guidance given in the current round."""
    if data.round_id != turn.unit.current:
        return
    given = turn.unit.given
    given.visits += data.kind == "visit"
    given.advice += data.kind == "advice"
    given.trainings += data.kind == "training"
    given.hours += micro(data.hours)
    given.people += data.people


def on_accident(turn: Turn, data: AccidentReported) -> None:
    """Grades the accident (Decree 493 article 3); a supplement replaces the figures; another grade, the hazard."""
    old = turn.unit.accidents.get(str(data.accident_id))
    if old is not None and old.drill != data.drill:
        raise Rejected("drill_mismatch", f"{data.accident_id} is {'a' if old.drill else 'no'} drill")
    grade = turn.book.accident_grade(
        day_of(data.occurred_at), data.deaths, data.missing, data.serious_injuries, data.direct_loss_yuan
    )
    accident = Accident(
        str(data.accident_id),
        data.enterprise_id,
        round_of(turn.unit, data),
        data.occurred_at,
        data.place or (old.place if old is not None else None),
        data.deaths,
        data.missing,
        data.serious_injuries,
        data.direct_loss_yuan,
        grade,
        data.drill,
        turn.cause.time if data.drill else None,
        old.raised if old is not None else {},
    )
    turn.unit.accidents[accident.id] = accident
    turn.row("accident", accident.id, accident)
    state_hazard(turn, old, accident)
    count_apart(turn.unit, turn.totals)


def round_of(unit: Unit, data: AccidentReported) -> str | None:
    """The round whose span holds the time of the accident, the latest of several; else the current one."""
    for id, found in sorted(unit.rounds.items(), reverse=True):
        windows = found.opened.windows.values()
        if windows and min(each.from_ for each in windows) <= data.occurred_at < max(each.to for each in windows):
            return id
    return unit.current


def state_hazard(turn: Turn, old: Accident | None, new: Accident | None) -> None:
    """The hazard of an accident has its grade as its kind: another grade clears the one and raises the other."""
    before = (old, standing(old)) if old is not None else None
    after = (new, standing(new)) if new is not None else None
    if before is not None and (after is None or before[0].grade != after[0].grade):
        _move(turn, turn.cause, before[0], before[1], None, "over" if after is None else "grade_changed")
        before = None
    if after is not None:
        _move(turn, turn.cause, after[0], before[1] if before is not None else None, after[1], "over")


def _move(turn: Turn, cause: Cause, of: Accident, before: Standing | None, after: Standing | None, reason: str) -> None:
    kind = f"accident.{of.grade}"
    about = Subject(kind, of.id, turn.unit.id, of.enterprise_id, of.round_id, drill=of.drill)
    events, episode = moved(cause, about, of.raised.get(of.grade, 0), before, after, reason)
    of.raised[of.grade] = episode
    turn.pending.events += events


def standing(accident: Accident) -> Standing:
    """What is stated of an accident."""
    facts = {
        "accident_id": accident.id,
        "grade": accident.grade,
        "deaths": accident.deaths,
        "missing": accident.missing,
        "serious_injuries": accident.serious_injuries,
        "direct_loss_yuan": accident.direct_loss_yuan,
        "occurred_at": accident.occurred_at.isoformat(),
        "place": accident.place,
    }
    return Standing(f"accident.{accident.grade}", facts)
