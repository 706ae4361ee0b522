"""Of a submission, a restore compares what never changes: not what waits to be published, nor what was erased."""

from dataclasses import replace
from datetime import UTC, datetime

from deploy.backup.contents import SUBMISSIONS
from services.intake.records import Erasure, Submission
from services.intake.stores.groups import grouped
from shared.events.base import name_id

AT = datetime(2023, 2, 20, 8, tzinfo=UTC)
STORED = Submission(
    id=name_id("x"),
    principal="p",
    key="k",
    kind="inspection",
    subject="E1",
    seq=1,
    unit_id="linzi",
    enterprise_id="E1",
    record=b"bytes",
    sha256="0" * 64,
    receipt={},
    digest="d",
    type="t",
    value=b"{}",
    accepted_at=AT,
    key_id="k-1",
    persons=("p-1",),
)


def lasting(submission: Submission) -> dict[str, object]:
    found = SUBMISSIONS.lasting(grouped([submission])[0])
    return {name: value for name, value in found.items() if name != "group"}


def test_a_submission_published_or_erased_since_the_backup_is_the_same_one() -> None:
    erased = replace(STORED, record=b"{}", erased=(Erasure("p-1", AT, "k-9", "asked"),))
    assert lasting(replace(STORED, published=True)) == lasting(erased) == lasting(STORED)


def test_another_receipt_or_event_under_the_same_id_is_another_submission() -> None:
    assert lasting(replace(STORED, sha256="1" * 64)) != lasting(STORED)
    assert lasting(replace(STORED, value=b"{1}")) != lasting(STORED)
