"""The seeded log that replay, property tests and benchmarks rest on is itself right."""

from collections import defaultdict
from itertools import pairwise

from shared.events.base import Submitted, finding_id
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Event, encode, headers
from shared.events.inspections import DayStarted, InspectionSubmitted, RectificationReported
from tests.event_log import compact, event_log, inspection_events, round_openings

LOG = event_log()


def inspections(log: list[Event]) -> list[InspectionSubmitted]:
    return [event.data for event in log if isinstance(event.data, InspectionSubmitted)]


def test_it_holds_every_type_of_the_inspections_log() -> None:
    wanted = {spec.type for spec in CATALOGUE.values() if spec.topic == "inspections.v1"}
    assert {event.type for event in LOG} == wanted


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def written(log: list[Event]) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
        return [(encode(event), headers(event)) for event in log]

    assert written(event_log()) == written(LOG)
    assert written(event_log(2)) != written(LOG)


def test_sequences_of_each_subject_run_from_one_without_gaps_in_log_order() -> None:
    found = defaultdict(list)
    for event in LOG:
        if isinstance(event.data, Submitted):
            found[event.subject].append(event.data.seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in found.values())


def test_ids_are_unique_and_time_never_runs_back() -> None:
    assert len({event.id for event in LOG}) == len(LOG)
    assert all(one.time <= other.time for one, other in pairwise(LOG))


def test_each_day_of_each_unit_starts_once_and_in_order() -> None:
    days = defaultdict(list)
    for event in LOG:
        if isinstance(event.data, DayStarted):
            days[event.key].append(event.data.day)
    assert all(found == sorted(set(found)) for found in days.values())


def test_submissions_supersede_the_one_before_of_the_same_key() -> None:
    last: dict[tuple[object, ...], object] = {}
    for data in inspections(LOG):
        key = (data.enterprise_id, data.round_id, data.stage, data.checklist, data.drill)
        assert data.supersedes == last.get(key)
        last[key] = data.submission_id
    assert any(data.supersedes for data in inspections(LOG))


def test_findings_bear_the_id_of_their_place_and_rectifications_name_findings_reported_before() -> None:
    seen = set()
    for event in LOG:
        if isinstance(event.data, InspectionSubmitted):
            data = event.data
            for result in data.results:
                if result.finding_id is not None:
                    place = (data.enterprise_id, data.checklist, result.item, result.ref, data.drill)
                    assert result.finding_id == finding_id(*place)
                    seen.add(result.finding_id)
        if isinstance(event.data, RectificationReported):
            assert event.data.finding_id in seen


def test_places_are_disputed_repeated_and_drilled() -> None:
    outcomes = defaultdict(set)
    for data in inspections(LOG):
        for result in data.results:
            if result.finding_id is not None:
                outcomes[result.finding_id].add(result.outcome)
    assert any(len(found) > 1 for found in outcomes.values())
    assert any(data.drill for data in inspections(LOG))
    assert {event.data.action for event in LOG if isinstance(event.data, RectificationReported)} == {
        "planned", "done", "verified", "rejected", "extended",
    }  # fmt: skip


def test_benchmark_inspections_have_twenty_items_and_about_two_kilobytes() -> None:
    events = list(inspection_events(300, units=2, enterprises=20))
    assert all(len({result.item for result in data.results}) == 20 for data in inspections(events))
    assert 1500 < sum(len(compact(event)) for event in events) / len(events) < 2500
    enrolled = {name for event in round_openings(units=2, enterprises=20) for name in event.data.enterprises}  # type: ignore[attr-defined]
    assert {event.subject for event in events} <= enrolled
