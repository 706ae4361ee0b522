"""Records that fit their JSON Schema and could still stop a partition: figures and days nobody can reckon with, and
assessments larger than a record may be.
"""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scoring.handlers import CHANGELOG, DEAD_LETTERS, fold_batch
from services.scoring.rules.fitting import MOST_BYTES
from shared.bus import Delivery, Record, record_of
from shared.errors import Rejected
from shared.events.envelope import decode, encode, headers
from tests import builders as build
from tests.event_log import event_log
from tests.hostile import as_bytes, mutated
from tests.unit.scoring.rules.folding import World, restored

HUGE, ENDLESS, LAST, FIRST = 10**30, 1e308, "9999-12-31", "0001-01-01"
BAD = [
    (build.inspection_submitted(1, grading=build.grading({"1.1": 5})), "grading", {"deductions": {"1.1": ENDLESS}}),
    (build.inspection_submitted(1, grading=build.grading({"1.1": 5})), "grading", {"bonuses": {"9.1": -1.0}}),
    (build.inspection_submitted(1), "seq", HUGE),
    (build.inspection_submitted(1), "inspected_on", FIRST),
    (build.rectification_reported(build.finding("5").finding_id, "planned", 1), "due_on", LAST),
    (build.hazard_unit_declared(1), "exposed_population", HUGE),
    (build.hazard_unit_declared(1), "substances", [{"seq": 12, "quantity_t": ENDLESS}]),
    (build.installation_declared(1), "design_life_years", ENDLESS),
    (build.accident_reported(1), "deaths", HUGE),
    (build.accident_reported(1), "occurred_at", "0001-01-01T00:00:00+14:00"),
    (build.guidance_recorded(1), "hours", ENDLESS),
    (build.guidance_recorded(1), "people", HUGE),
    (build.day_started(build.NOON.date()), "day", LAST),
    (build.round_opened(2), "expert_target", HUGE),
    (build.round_opened(2), "important_periods", [{"name": "synthetic", "from": FIRST, "to": LAST}]),
]


@pytest.mark.parametrize(("event", "field", "value"), BAD)
def test_what_nobody_can_reckon_with_is_refused_by_its_schema(event, field, value):
    raw = json.dumps(json.loads(encode(event)) | {field: value}).encode()
    with pytest.raises(Rejected, match=f"schema: /{field}"):
        decode(event.key.encode(), raw, headers(event))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_no_number_of_json_is_refused(number):
    event = build.inspection_submitted(1, grading=build.grading({"1.1": 5}))
    raw = encode(event).replace(b'"1.1":5.0', b'"1.1":' + number)
    with pytest.raises(Rejected, match="schema"):
        decode(event.key.encode(), raw, headers(event))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_beyond_every_calendar_is_no_event(time):
    event = build.inspection_submitted(1)
    spoiled = [(name, time.encode() if name == "ce_time" else text) for name, text in headers(event)]
    with pytest.raises(Rejected, match="not_an_event"):
        decode(event.key.encode(), encode(event), spoiled)


def test_an_enterprise_that_declares_more_than_a_record_holds_keeps_its_riskiest_hazard_units_explained():
    world, count = World(), 40
    many = ((12, 0.01),) * 300
    for seq in range(1, count):
        world.tell(build.hazard_unit_declared(seq, hazard_unit_id=f"HU-{seq:02d}", substances=many))
    worst = ((12, 250.0),)
    world.tell(build.hazard_unit_declared(count, hazard_unit_id="worst", substances=worst, exposed_population=100))
    assert max(len(each.value) for each in world.derived) <= MOST_BYTES
    found = world.last("enterprise.assessed")
    assert len(found.hazard_units) == count
    explained = [each.hazard_unit_id for each in found.hazard_units if each.contributions]
    assert "worst" in explained
    assert found.left_out == {"contributions": count - len(explained)}
    assert (found.highest_level, world.last("unit.assessed").counts["hazard_units"]) == (1, count)


def test_more_accidents_than_a_record_holds_keep_the_worst():
    world, count = World(), 3500
    reports = [build.accident_reported(seq, place="x" * 4000) for seq in range(1, count)]
    world.tell(*reports, build.accident_reported(count, deaths=30))
    assert max(len(each.value) for each in world.derived) <= MOST_BYTES
    found = world.last("unit.assessed")
    assert found.left_out == {"accidents": count - len(found.accidents)}
    assert "extraordinary" in {each.grade for each in found.accidents}
    assert found.vetoes[0].id == "major_accident"


def test_nothing_is_left_out_of_what_has_room():
    world = World()
    world.tell(build.hazard_unit_declared(1), build.accident_reported(2))
    assert world.last("enterprise.assessed").left_out == world.last("unit.assessed").left_out == {}


FOLDED = event_log(3, units=1, enterprises=2, rounds=1)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_record_holds_it_is_folded_or_refused_and_the_rows_stay_readable(data):
    """A record of the log with one to three places changed, folded among good ones, as a fold in operation meets it."""
    world = World(opened=False)
    at = data.draw(st.integers(0, len(FOLDED) - 1))
    event = FOLDED[at]
    spoiled = data.draw(mutated(json.loads(encode(event))))
    raw, key = as_bytes(spoiled), event.key.encode()
    if isinstance(spoiled, dict) and isinstance(spoiled.get("unit_id"), str):
        key = spoiled["unit_id"].encode(errors="replace")
    before = FOLDED[max(0, at - 20) : at]
    arrived = [record_of(each) for each in (FOLDED[0], *before)]
    arrived += [Record("inspections.v1", key, raw, tuple(headers(event))), record_of(FOLDED[-1])]
    records = fold_batch(world.fold, 0, [delivered(record, offset) for offset, record in enumerate(arrived)])
    rows = {each.key: each.value for each in records if each.topic == CHANGELOG and each.value is not None}
    assert restored(rows).state_hash() == world.fold.state_hash()
    assert all(len(each.value or b"") <= MOST_BYTES for each in records if each.topic != DEAD_LETTERS)


def delivered(record, offset):
    return Delivery("inspections.v1", 0, offset, record.key, record.value, record.headers, 0)
