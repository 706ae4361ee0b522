"""The four 100 % rates of a round, each with the enterprises that keep it below 100 %. Called by the evaluation and
the pages.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from services.reporting.rules.statistics import share
from shared.events.base import Stage, Value
from shared.events.risk import EnterpriseAssessed, FindingAssessed

RateId = Literal["hazard_coverage", "self_inspection", "re_examination", "rectification"]


class Behind(Value):
    """An enterprise that keeps a rate below 100 %, with what is lacking: hazard unit ids or finding ids, empty for
    an inspection.
    """

    enterprise_id: str
    lacking: tuple[str, ...] = ()


class Rate(Value):
    """One of the four rates (targets of the 2022 campaign): `part` of `whole`; `share` None when nothing is due."""

    id: RateId
    part: int
    whole: int
    share: float | None
    behind: tuple[Behind, ...]


def four_rates(
    enrolled: Sequence[str], enterprises: Sequence[EnterpriseAssessed], findings: Sequence[FindingAssessed]
) -> tuple[Rate, Rate, Rate, Rate]:
    """Hazard coverage, self-inspection, re-examination, rectification, in this order."""
    return (
        _hazard_coverage(enterprises),
        _inspected("self_inspection", Stage.SELF_INSPECTION, enrolled, enterprises),
        _inspected("re_examination", Stage.RE_EXAMINATION, enrolled, enterprises),
        _rectification(findings),
    )


def due(finding: FindingAssessed) -> bool:
    """Whether the finding counts in the rectification rate: closed, or past its due date."""
    return finding.state == "closed" or finding.overdue


def in_time(finding: FindingAssessed) -> bool:
    """Whether it was verified by its due date; one that never had a due date was."""
    return finding.state == "closed" and (
        finding.due_on is None or (finding.closed_on is not None and finding.closed_on <= finding.due_on)
    )


def _hazard_coverage(enterprises: Sequence[EnterpriseAssessed]) -> Rate:
    """Hazard units with three named persons in an enterprise inspected in the round / declared units."""
    standing = [row for row in enterprises if not row.withdrawn]
    lacking = [
        (row.enterprise_id, unit.hazard_unit_id)
        for row in standing
        for unit in row.hazard_units
        if unit.missing_roles or not row.stages
    ]
    return _rate("hazard_coverage", sum(len(row.hazard_units) for row in standing), lacking)


def _inspected(id: RateId, stage: Stage, enrolled: Sequence[str], enterprises: Sequence[EnterpriseAssessed]) -> Rate:
    done = {row.enterprise_id for row in enterprises if stage in row.stages}
    behind = tuple(Behind(enterprise_id=name) for name in sorted(set(enrolled) - done))
    rate = share(len(set(enrolled)) - len(behind), len(set(enrolled)))
    return Rate(id=id, part=rate.part, whole=rate.whole, share=rate.share, behind=behind)


def _rectification(findings: Sequence[FindingAssessed]) -> Rate:
    """Findings verified by their due date / findings closed or past due (both grades)."""
    counted = [finding for finding in findings if due(finding)]
    late = [(finding.enterprise_id, str(finding.finding_id)) for finding in counted if not in_time(finding)]
    return _rate("rectification", len(counted), late)


def _rate(id: RateId, whole: int, lacking: Iterable[tuple[str, str]]) -> Rate:
    by_enterprise: dict[str, list[str]] = defaultdict(list)
    for enterprise_id, thing in lacking:
        by_enterprise[enterprise_id].append(thing)
    rate = share(whole - sum(len(things) for things in by_enterprise.values()), whole)
    behind = tuple(
        Behind(enterprise_id=name, lacking=tuple(sorted(things))) for name, things in sorted(by_enterprise.items())
    )
    return Rate(id=id, part=rate.part, whole=rate.whole, share=rate.share, behind=behind)
