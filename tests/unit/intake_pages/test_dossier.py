"""What an enterprise's page says of each finding, from what the stages sent."""

import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.intake.pages.dossier import Entry, Told, dossier
from services.intake.rules.becoming import FindingRef

PLACE = uuid.uuid5(uuid.NAMESPACE_URL, "5|tf-2")
OTHER = uuid.uuid5(uuid.NAMESPACE_URL, "5|tf-3")
IDS = {"TF-2": PLACE, "TF-3": OTHER}


def inspected(seq: int, stage: str, outcome: str = "finding", ref: str = "TF-2", **told: Any) -> Told:
    body = {"round_id": "2023-1", "stage": stage, "inspected_on": "2023-02-18", "checklist": "mhd-2017-121"}
    result = {"item": "5", "outcome": outcome, "ref": ref, **told}
    found = (FindingRef("5", ref, IDS[ref]),) if outcome == "finding" else ()
    return Told("inspection", seq, {**body, "results": [result]}, found)


def step(seq: int, action: str, **told: Any) -> Told:
    return Told("rectification", seq, {"finding_id": str(PLACE), "action": action, "on": "2023-02-20", **told})


def only(*accepted: Told) -> Entry:
    (entry,) = dossier(accepted, ["mhd-2017-121"])
    return entry


def test_a_later_conform_stands_beside_the_finding_and_clears_nothing() -> None:
    entry = only(inspected(1, "self_inspection"), inspected(2, "re_examination", "conform"))
    assert {stage: told["outcome"] for stage, told in entry.verdicts.items()} == {
        "self_inspection": "finding",
        "re_examination": "conform",
    }


def test_the_due_date_is_that_of_the_highest_stage_until_it_is_extended() -> None:
    given_dates = (
        inspected(1, "self_inspection", due_on="2023-03-01"),
        inspected(2, "expert_verification", due_on="2023-03-20"),
        inspected(3, "re_examination", due_on="2023-03-10"),
    )
    assert only(*given_dates).due_on == "2023-03-20"
    assert only(*given_dates, step(4, "extended", due_on="2023-04-01", reason="r")).due_on == "2023-04-01"


def test_on_a_checklist_of_major_dangers_a_finding_is_major_without_saying_so() -> None:
    assert only(inspected(1, "self_inspection")).grade == "major"
    (entry,) = dossier([inspected(1, "self_inspection", grade="ordinary")])
    assert entry.grade == "ordinary"


def test_a_finding_reported_again_has_no_last_step() -> None:
    closed = (inspected(1, "self_inspection"), step(2, "done"), step(3, "verified"))
    assert only(*closed).last_step == "verified"
    assert only(*closed, inspected(4, "self_inspection")).last_step is None


def test_another_place_of_the_same_item_says_nothing_of_this_one() -> None:
    first, second = dossier([inspected(1, "self_inspection"), inspected(2, "re_examination", ref="TF-3")])
    by_ref = {first.ref: first, second.ref: second}
    assert by_ref["TF-2"].verdicts["re_examination"]["outcome"] == "absent"
    assert "self_inspection" not in by_ref["TF-3"].verdicts


def test_verified_findings_come_last() -> None:
    found = dossier([inspected(1, "self_inspection"), inspected(2, "re_examination", ref="TF-3"), step(3, "verified")])
    assert [entry.ref for entry in found] == ["TF-3", "TF-2"]


def test_a_step_of_a_finding_nobody_reported_is_left_out() -> None:
    assert dossier([step(1, "done")]) == []


WHOLE = (
    inspected(1, "self_inspection", due_on="2023-03-01"),
    inspected(2, "self_inspection", ref="TF-3"),
    inspected(3, "re_examination", "conform"),
    step(4, "done"),
    step(5, "rejected", reason="r"),
    inspected(6, "expert_verification", due_on="2023-03-05"),
)


@given(st.permutations(WHOLE))
def test_the_order_of_reading_makes_no_difference(accepted: list[Told]) -> None:
    assert dossier(accepted) == dossier(WHOLE)
