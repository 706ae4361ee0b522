"""Properties of the fold: the same log gives the same end however it is cut, repeated, redelivered or restored."""

import json
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scoring.rules.fold import PartitionFold
from services.scoring.rules.measures import COLOURS
from shared.errors import Rejected
from shared.events.base import derive_id, hazard_id, name_id
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Event, encode, headers
from tests.event_log import event_log
from tests.unit.scoring.rules.folding import RULES, keep, named, restored, run
from tests.unit.scoring.rules.index_recomputation import judged
from tests.unit.scoring.rules.recomputation import recomputed

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(min_value=1, max_value=6)


@cache
def small_log(seed: int, rounds: int = 2) -> list[Event]:
    return event_log(seed, units=2, enterprises=3, rounds=rounds)


@cache
def whole(seed: int):
    log = small_log(seed)
    fold, rows, outputs = run(log, cuts=range(len(log)))
    return fold, rows, outputs


def lasting(outputs):
    """Hazards in order, and the last assessment of each unit, enterprise and finding, in each of its rounds."""
    kept = [each for each in outputs if named(each).startswith("hazard.")]
    last = {
        (each.type, each.subject, each.data.round_id): each for each in outputs if named(each).endswith(".assessed")
    }
    colours: dict[str, list[object]] = {}
    for each in outputs:
        if named(each) == "unit.assessed":
            told = colours.setdefault(each.subject, [])
            if not told or told[-1] != each.data.colour:
                told.append(each.data.colour)
    return kept, last, colours


@FEW
@given(seed=SEEDS, data=st.data())
def test_any_split_into_batches_gives_the_same_rows_and_lasting_outputs(seed, data):
    log = small_log(seed)
    cuts = data.draw(st.sets(st.integers(0, len(log) - 1), max_size=40))
    fold, rows, outputs = run(log, cuts)
    _, expected_rows, expected = whole(seed)
    assert rows == expected_rows
    assert lasting(outputs) == lasting(expected)
    assert fold.state_hash() == whole(seed)[0].state_hash()


@FEW
@given(seed=SEEDS, data=st.data())
def test_restoring_from_rows_at_any_point_changes_nothing(seed, data):
    log = small_log(seed)
    cuts = data.draw(st.sets(st.integers(0, len(log) - 1), min_size=1, max_size=12))
    fold, rows, outputs = run(log, cuts, restore_at=cuts)
    _, expected_rows, expected = whole(seed)
    assert rows == expected_rows
    assert lasting(outputs) == lasting(expected)
    assert fold.state_hash() == whole(seed)[0].state_hash()


@FEW
@given(seed=SEEDS, data=st.data())
def test_redelivery_from_any_earlier_offset_is_of_no_effect(seed, data):
    log = small_log(seed)
    fold, rows = PartitionFold(RULES, 0), {}
    here = data.draw(st.integers(0, len(log) - 1))
    back = data.draw(st.integers(0, here))
    for offset in [*range(here + 1), *range(back, len(log))]:
        try:
            fold.apply(log[offset], offset)
        except Rejected:
            fold.note_dead_letter(offset)
    keep(rows, fold.flush().rows)
    assert rows == whole(seed)[1]


@FEW
@given(seed=SEEDS, data=st.data())
def test_copies_of_events_are_duplicates_and_of_no_effect(seed, data):
    log = small_log(seed)
    repeated = data.draw(st.dictionaries(st.integers(0, len(log) - 1), st.integers(0, len(log) - 1), max_size=15))
    copies = [
        event
        for at, event in enumerate(log)
        for event in (event, *([log[repeated[at]]] if repeated.get(at, at + 1) <= at else []))
    ]
    fold, _, outputs = run(copies)
    expected = whole(seed)
    assert fold.state_hash() == expected[0].state_hash()
    assert hazard_ids(outputs) == hazard_ids(expected[2])


def hazard_ids(outputs):
    return [(each.id, each.type, each.subject) for each in outputs if named(each).startswith("hazard.")]


@FEW
@given(seed=SEEDS, data=st.data())
def test_the_figures_equal_a_plain_recomputation_at_any_time(seed, data):
    log = [event for event in small_log(seed, 1) if event.key == "unit-00"]
    until = data.draw(st.integers(1, len(log)))
    plain = recomputed(log[:until])
    fold, _, _ = run(log[:until], range(0, until, 7))
    unit = fold.units["unit-00"]
    counts = {
        name: sum(each.part[position] for each in unit.enterprises.values())
        for name, position in (("open_major", 0), ("open_ordinary", 1), ("overdue_major", 2))
    }
    assert counts == {
        "open_major": plain.open_major,
        "open_ordinary": plain.open_ordinary,
        "overdue_major": plain.overdue_major,
    }
    assert fold.totals["unit-00"].figures.self_inspected == plain.self_inspected
    scores = {each.id: each.score / 1e6 for each in unit.enterprises.values() if each.score >= 0}
    assert scores == pytest.approx(plain.scores)


@FEW
@given(seed=SEEDS, data=st.data())
def test_the_index_its_colour_and_vetoes_equal_a_plain_recomputation_until_the_round_closes(seed, data):
    log = [event for event in small_log(seed, 1) if event.key == "unit-00"]
    closes = next(at for at, event in enumerate(log) if named(event) == "round.closed")
    until = data.draw(st.integers(1, closes))
    wanted = judged(log[:until])
    fold, _, _ = run(log[:until], range(0, until, 11))
    totals = fold.totals["unit-00"]
    assert totals.verdict.value == pytest.approx(wanted.index, abs=1e-6)
    assert COLOURS[totals.verdict.colour] == wanted.colour
    assert (set(totals.verdict.vetoes), totals.provisional) == (wanted.vetoes, wanted.provisional)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_running_totals_equal_a_recomputation_bit_for_bit(seed):
    fold, rows, _ = run(small_log(seed), range(0, 10_000, 13))
    again = restored(rows)
    again.wake()
    for id, totals in fold.totals.items():
        assert totals.counts == again.totals[id].counts
        assert totals.figures == again.totals[id].figures
        assert (totals.verdict, totals.provisional) == (again.totals[id].verdict, again.totals[id].provisional)
        assert filed(totals) == filed(again.totals[id])


def filed(totals):
    return {day: set(found) for day, found in totals.due.items()}, totals.open_major, totals.overdue_major


@pytest.mark.parametrize("seed", [1, 2])
def test_every_output_has_exactly_the_fields_of_its_model_and_a_computed_id(seed):
    log = small_log(seed)
    causes = {(0, offset): event for offset, event in enumerate(log)}
    fold = PartitionFold(RULES, 0)
    derived = []
    for offset, event in enumerate(log):
        try:
            fold.apply(event, offset)
        except Rejected:
            fold.note_dead_letter(offset)
        derived += fold.flush().derived
    seen = set()
    for each in derived:
        data, event = json.loads(each.value), each.event()
        assert data.keys() == set(CATALOGUE[each.type].model.model_fields)
        assert data == json.loads(encode(event))
        assert each.headers == tuple(headers(event))
        assert event.id not in seen, each
        seen.add(event.id)
        if "log_position" in data:
            position = event.data.log_position
            cause = causes[position.partition, position.offset]
            assert event.id == derive_id(cause.id, each.type, each.subject)
            assert event.correlation_id == cause.correlation_id
        if named(event).startswith("hazard."):
            assert event.data.hazard_id == hazard_id(event.data.kind, event.data.subject, event.data.episode)
    assert {named(each.event()) for each in derived} >= {
        "hazard.raised",
        "hazard.updated",
        "hazard.cleared",
        "unit.assessed",
        "fold.progressed",
    }


def test_a_hazard_is_raised_before_it_is_updated_and_cleared_once():
    for seed in range(1, 5):
        standing = set()
        for each in whole(seed)[2]:
            if named(each) == "hazard.raised":
                assert each.data.hazard_id not in standing
                standing.add(each.data.hazard_id)
            elif named(each) == "hazard.updated":
                assert each.data.hazard_id in standing
            elif named(each) == "hazard.cleared":
                standing.remove(each.data.hazard_id)


def test_a_planted_difference_is_seen_by_the_state_hash():
    fold, rows, _ = run(small_log(1))
    key = next(key for key in sorted(rows) if b"|enterprise|" in key)
    planted = restored(rows | {key: rows[key].replace(b"[", b"[1", 1)})
    differing = [unit for unit, found in planted.state_hash().items() if found != fold.state_hash()[unit]]
    assert differing == [key.decode().split("|")[0]]


def test_ids_of_derived_events_are_those_of_the_envelope_rules():
    assert str(name_id("hazard", "a", "b", "1")) == str(hazard_id("a", "b", 1))
