"""What was known of a unit at a time, beside what is known now of the same round: each figure that differs, and the
corrections that have come since with what each of them moved. Called by the API and the pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from services.reporting.documents import Document, ReadModels, Where, stamp
from services.reporting.queries import risk_answer
from services.reporting.rules.corrections import Difference, Kind, differences, happened_on, kind_of

MOST = 50
# Of what is reported later, most comes soon after the time asked for.
LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Correction:
    """A submission that corrects what was known, and the figures that differ between the last result before it and the
    first with it.
    """

    submission: Document
    kind: Kind
    happened_on: date | None
    changed: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class AsCorrected:
    """The unit in the round now; `differences` from what was known, each with the corrections that moved it (none: what
    has happened since did). `more`: there are more corrections than are listed.
    """

    now: Document
    differences: Sequence[tuple[Difference, Sequence[Correction]]]
    corrections: Sequence[Correction]
    more: bool


async def as_corrected(models: ReadModels, known: Document, at: datetime, zone: tzinfo) -> AsCorrected:
    """What has become of `known`, a unit's result (a row of `risk_history`) as it stood at a time."""
    found = await _corrections(models, known, at, zone)
    listed = [await _with_changes(models, known, row, zone, kind) for row, kind in found[:MOST]]
    now = await models.get("unit_rounds", f"{known['unit_id']}:{known['round_id']}") or known
    rows = differences(known["data"], now["data"])
    by = [(row, [one for one in listed if row.figure in {moved.figure for moved in one.changed}]) for row in rows]
    return AsCorrected(now, by, listed, len(found) > MOST)


async def _corrections(models: ReadModels, known: Document, at: datetime, zone: tzinfo) -> list[tuple[Document, Kind]]:
    """The submissions accepted since that correct what was known of the round, the first first."""
    where: Where = {"unit_id": known["unit_id"], "drill": False, "at": {"$gt": stamp(at)}}
    marked = await models.find("submissions", {**where, "correction": True}, sort=("at",), limit=MOST + 1)
    first = await models.find("submissions", where, sort=("at", "_id"), limit=LOOKED_AT)
    rows = {row["_id"]: row for row in [*marked, *first] if row["round_id"] in (None, known["round_id"])}
    in_order = sorted(rows.values(), key=lambda row: (row["at"], row["_id"]))
    replaced = await models.get_many("submissions", {row["data"].get("supersedes") or "" for row in in_order})
    corrected = {name for name, row in replaced.items() if row["at"] <= stamp(at)}
    day, found = at.astimezone(zone).date(), []
    for row in in_order:
        if kind := kind_of(row["data"], day, zone, row["data"].get("supersedes") in corrected):
            found.append((row, kind))
            corrected.add(row["_id"])  # what replaces a correction is one too
    return found


async def _with_changes(models: ReadModels, known: Document, row: Document, zone: tzinfo, kind: Kind) -> Correction:
    before = await _result(models, known, {"$lt": row["log_position"]["offset"]}, "-order")
    after = await _result(models, known, {"$gte": row["log_position"]["offset"]}, "order")
    changed = differences(before["data"], after["data"]) if before and after else ()
    return Correction(row, kind, happened_on(row["data"], zone), changed)


async def _result(models: ReadModels, known: Document, order: Where, sort: str) -> Document | None:
    where = {"unit_id": known["unit_id"], "round_id": known["round_id"], "order": order}
    found = await models.find("risk_history", where, sort=(sort,), limit=1)
    return found[0] if found else None


def as_corrected_answer(found: AsCorrected, may_read_submissions: bool) -> Document:
    """The API's shape of it; `corrected_since` is None for whoever may not read submissions."""
    listed = [_correction(one) for one in found.corrections]
    return {
        "corrected": risk_answer(found.now["data"]),
        "differences": [
            row.model_dump(mode="json")
            | {"by": [one.submission["_id"] for one in by] if may_read_submissions else None}
            for row, by in found.differences
        ],
        "corrected_since": listed if may_read_submissions else None,
        "more_corrections": found.more,
    }


def _correction(one: Correction) -> Document:
    row = one.submission
    return {
        "submission_id": row["_id"],
        "kind": one.kind,
        "type": row["type"],
        "enterprise_id": row["enterprise_id"],
        "happened_on": one.happened_on,
        "accepted_at": row["at"],
        "log_position": row["log_position"],
        "changed": [row.model_dump(mode="json") for row in one.changed],
    }
