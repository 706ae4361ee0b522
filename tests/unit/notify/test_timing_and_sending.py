"""When steps are due, and whether their messages go out."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.rules import steps, timing
from services.notify.rules.alert import Alert, Step, StepKind, with_step
from services.notify.rules.answers import acknowledged, sent_again
from services.notify.rules.routing import Contact, Desk, Route
from services.notify.rules.sending import Reason, should_send
from services.notify.rules.silences import Silence
from services.notify.rules.timing import Terms
from services.notify.rules.unreachable import Standing, after_attempt
from services.notify.rules.watch import Watch, look
from shared import rulesets
from shared.events.base import LogPosition
from shared.rulesets.alert_policy import AlertPolicy
from shared.rulesets.working_days import WorkingDays

NOW = datetime(2023, 2, 20, 1, 0, tzinfo=UTC)
POLICY = rulesets.load().at("alert-policy", NOW.date()).of(AlertPolicy)
ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = rulesets.load().at("working-days", NOW.date()).of(WorkingDays)
TERMS = Terms(POLICY, (), ZONE, CALENDAR)
ROUTE: Route = tuple(
    Desk(tier, tier, {}, (Contact(tier, "1", "email", "x"),))
    for tier in ("county", "prefecture", "province", "national")
)


def alert(**fields: Any) -> Alert:
    values = {
        "id": "00000000-0000-0000-0000-000000000001",
        "unit_id": "linzi",
        "kind": "major_finding",
        "policy_key": "major_finding",
        "subject": "f",
        "headline": {"zh": "", "en": ""},
        "facts": {},
        "severity": "severe",
        "opened_at": NOW,
        "changed_at": NOW,
        "position": LogPosition(partition=0, offset=1),
    }
    return Alert.model_validate(values | fields)


def step(kind: StepKind) -> Step:
    return Step(id=f"{kind}-1", kind=kind, due=NOW)


SILENCE = Silence(id="s", unit_id="linzi", reason="works", from_=NOW, to=NOW + timedelta(hours=1), by="me")


@pytest.mark.parametrize(
    ("fields", "kind", "silences", "unit_alert", "reason"),
    [
        ({}, StepKind.FIRST, [], None, Reason.DUE),
        ({"state": "closed"}, StepKind.ESCALATION, [], None, Reason.CLOSED),
        ({"state": "closed"}, StepKind.CLEAR, [], None, Reason.NOBODY_WAS_TOLD),
        ({"state": "closed", "told": ("county",)}, StepKind.CLEAR, [SILENCE], None, Reason.DUE),
        ({"sent": False}, StepKind.FIRST, [], None, Reason.RECORDED_ONLY),
        ({"state": "acknowledged"}, StepKind.REMINDER, [], None, Reason.ANSWERED),
        ({"state": "acknowledged"}, StepKind.ESCALATION, [], None, Reason.ANSWERED),
        ({"state": "acknowledged"}, StepKind.RISE, [], None, Reason.DUE),
        ({"state": "acknowledged"}, StepKind.STATUTORY, [], None, Reason.DUE),
        ({}, StepKind.FIRST, [SILENCE], None, Reason.SILENCED),
        ({"unit_id": "other"}, StepKind.FIRST, [SILENCE], None, Reason.DUE),
        ({"kind": "accident.ordinary"}, StepKind.FIRST, [SILENCE], None, Reason.DUE),
        ({}, StepKind.REMINDER, [], "extreme", Reason.MUTED),
        ({}, StepKind.REMINDER, [], "severe", Reason.DUE),
        ({}, StepKind.FIRST, [], "extreme", Reason.DUE),
        ({"kind": "accident.ordinary"}, StepKind.REMINDER, [], "extreme", Reason.DUE),
    ],
)
def test_every_reason_to_send_or_not(
    fields: dict[str, Any], kind: StepKind, silences: list[Silence], unit_alert: Any, reason: Reason
) -> None:
    decision = should_send(alert(**fields), step(kind), silences, unit_alert, NOW)
    assert (decision.reason, decision.send) == (reason, reason is Reason.DUE)


def test_important_periods_halve_the_time_to_answer_and_the_repeats() -> None:
    within = Terms(POLICY, ((NOW, NOW + timedelta(days=1)),), ZONE, CALENDAR)
    assert timing.ack_within(within, "severe", NOW) == timing.ack_within(TERMS, "severe", NOW) / 2
    assert timing.repeat_at(within, "extreme", NOW) - NOW == (timing.repeat_at(TERMS, "extreme", NOW) - NOW) / 2
    assert timing.ack_within(within, "severe", NOW + timedelta(days=1)) == timing.ack_within(TERMS, "severe", NOW)


def test_a_period_given_in_days_holds_its_last_day_whole() -> None:
    rounds = [{"important_periods": [{"name": "两会", "from": "2023-03-04", "to": "2023-03-13"}]}]
    ((start, end),) = timing.important_periods(rounds, ZONE)
    assert (start.isoformat(), end.isoformat()) == ("2023-03-04T00:00:00+08:00", "2023-03-14T00:00:00+08:00")


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_next_digest_is_at_half_past_eight_within_a_day(now: datetime) -> None:
    found = timing.next_digest(TERMS, now)
    assert now < found <= now + timedelta(days=1)
    assert found.astimezone(ZONE).strftime("%H:%M") == "08:30"


@given(st.lists(st.tuples(st.sampled_from(list(StepKind)), st.integers(-7200, 7200)), min_size=1, max_size=6))
def test_after_a_jump_of_the_clock_one_step_is_due_and_the_others_keep_their_distance(
    wanted: list[tuple[StepKind, int]],
) -> None:
    found = alert()
    for kind, seconds in wanted:
        found = with_step(found, kind, NOW + timedelta(seconds=seconds))
    due = steps.due_step(found, NOW, "a", "1")
    if due is None:
        assert all(one.due > NOW for one in found.steps)
        return
    after = steps.claim(found, due, ROUTE, TERMS, NOW, "a/1").alert
    assert all(one.due > NOW for one in after.steps if one.id != due.id)
    assert steps.due_step(after, NOW, "b", "1") is None


def test_a_lease_is_kept_until_its_end_and_taken_back_by_the_next_life_of_its_owner() -> None:
    found = with_step(alert(), StepKind.FIRST, NOW)
    claimed = steps.claim(found, found.steps[0], ROUTE, TERMS, NOW, "a/1").alert
    soon = NOW + timedelta(seconds=29)
    assert steps.due_step(claimed, soon, "b", "1") is None
    assert steps.due_step(claimed, soon, "a", "1") is None
    assert steps.due_step(claimed, soon, "a", "2") is not None
    assert steps.due_step(claimed, NOW + timedelta(seconds=30), "b", "1") is not None


def test_an_escalation_claimed_twice_climbs_once() -> None:
    found = with_step(alert(), StepKind.ESCALATION, NOW)
    once = steps.claim(found, found.steps[0], ROUTE, TERMS, NOW, "a/1")
    later = NOW + timedelta(seconds=31)
    due = steps.due_step(once.alert, later, "b", "1")
    assert due is not None
    twice = steps.claim(once.alert, due, ROUTE, TERMS, later, "b/1")
    assert (once.alert.tier, twice.alert.tier) == ("prefecture", "prefecture")
    assert (len(once.events), len(twice.events)) == (1, 0)


@given(st.integers(1, 3600))
def test_while_a_message_is_held_back_the_time_to_answer_stands_still(seconds: int) -> None:
    found = with_step(with_step(alert(), StepKind.FIRST, NOW), StepKind.ESCALATION, NOW + timedelta(hours=1))
    held = steps.held(found, found.steps[0], NOW + timedelta(seconds=seconds)).alert
    first, escalation = held.steps
    assert (first.due, escalation.due - first.due) == (NOW + timedelta(seconds=seconds), timedelta(hours=1))


@pytest.mark.parametrize("kind", [StepKind.FIRST, StepKind.ESCALATION])
def test_a_tier_that_nobody_could_be_reached_at_is_passed_without_waiting(kind: StepKind) -> None:
    found = with_step(alert(), kind, NOW)
    claimed = steps.claim(found, found.steps[0], ROUTE, TERMS, NOW, "a/1").alert
    unreached = steps.finished(claimed, found.steps[0].id, [], ROUTE, TERMS, NOW, "a/1")
    assert unreached is not None
    assert [step.kind for step in unreached.alert.steps if step.due <= NOW] == [StepKind.ESCALATION]


def test_a_delivery_sent_again_by_hand_and_in_vain_moves_nothing() -> None:
    found = sent_again(alert(told=("county",)), "first-1", "county", "county/1", NOW).alert
    claimed = steps.claim(found, found.steps[0], ROUTE, TERMS, NOW, "a/1").alert
    after = steps.finished(claimed, "first-1", [], ROUTE, TERMS, NOW, "a/1")
    assert after is not None
    assert [step.kind for step in after.alert.steps if step.due <= NOW] == []


def test_a_promise_about_an_alert_that_was_only_recorded_counts_all_the_same() -> None:
    recorded = alert(sent=False)
    answered = acknowledged(recorded, "me", "", "api", None, TERMS, NOW)[0].alert
    (promise,) = answered.steps
    later = NOW + timedelta(hours=49)
    assert should_send(answered, promise, [], None, later).send
    broken = steps.claim(answered, promise, ROUTE, TERMS, later, "a/1").alert
    assert (broken.state, broken.tier, broken.calling) == ("escalated", "prefecture", True)


def test_five_failures_in_a_row_take_a_contact_out_and_one_success_puts_it_back() -> None:
    standing = Standing()
    for _ in range(4):
        standing = after_attempt(standing, False, NOW)
    assert not standing.out(NOW)
    standing = after_attempt(standing, False, NOW)
    assert standing.out(NOW)
    assert not standing.out(NOW + timedelta(minutes=5))
    assert not standing.out(NOW - timedelta(hours=1)), "the clock has jumped back"
    assert after_attempt(standing, True, NOW) == Standing()


def test_the_watchdog_tells_once_again_after_an_hour_and_of_the_recovery() -> None:
    watch, notice = look(Watch(), {"steps_overdue": 61.0, "events_unpublished": 1.0}, NOW)
    assert notice is not None
    assert dict(notice.complaints) == {"steps_overdue": 61.0}
    watch, notice = look(watch, {"steps_overdue": 90.0}, NOW + timedelta(minutes=59))
    assert notice is None
    watch, notice = look(watch, {"steps_overdue": 90.0}, NOW + timedelta(minutes=60))
    assert notice is not None
    watch, notice = look(watch, {"steps_overdue": 0.0}, NOW + timedelta(minutes=61))
    assert notice is not None
    assert notice.kind == "recovered"
    assert look(watch, {"steps_overdue": 0.0}, NOW)[1] is None
