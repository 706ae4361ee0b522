"""The four 100 % rates of a round, each with the enterprises that keep it below 100 %.

Called by the evaluation, the API and the pages. The figures are scoring's own counts, the lists come from documents.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from services.reporting.rules.statistics import Share, share
from shared.events.base import Stage, Value
from shared.events.risk import EnterpriseAssessed, FindingAssessed

RateId = Literal["hazard_coverage", "self_inspection", "re_examination", "rectification"]
RATES: tuple[RateId, ...] = ("hazard_coverage", "self_inspection", "re_examination", "rectification")


class Behind(Value):
    """An enterprise that keeps a rate below 100 %.

    `lacking` holds ids of hazard units or findings, and nothing for an inspection.
    """

    enterprise_id: str
    lacking: tuple[str, ...] = ()


class Rate(Share):
    """One of the four rates (targets of the 2022 campaign) and who is behind."""

    id: RateId
    behind: tuple[Behind, ...]


def rate_figures(counts: Mapping[str, int]) -> dict[RateId, Share]:
    """The four rates of a unit, from the counts of `unit.assessed`.

    Hazard coverage: hazard units with three named persons in an enterprise inspected in the round / declared units.
    Rectification: findings of both grades verified by their due date / findings closed or past due.
    """
    of = counts.get
    past_due = of("overdue_major", 0) + of("overdue_ordinary", 0)
    return {
        "hazard_coverage": share(of("hazard_units_covered", 0), of("hazard_units", 0)),
        "self_inspection": share(of("self_inspected", 0), of("enrolled", 0)),
        "re_examination": share(of("re_examined", 0), of("enrolled", 0)),
        "rectification": share(of("closed_in_time", 0), of("closed", 0) + past_due),
    }


def summed(shares: Iterable[Mapping[RateId, Share]]) -> dict[RateId, Share]:
    """The rates over several units."""
    rows = list(shares)
    return {name: share(sum(row[name].part for row in rows), sum(row[name].whole for row in rows)) for name in RATES}


def four_rates(
    counts: Mapping[str, int],
    enrolled: Sequence[str],
    enterprises: Sequence[EnterpriseAssessed],
    findings: Sequence[FindingAssessed],
) -> tuple[Rate, Rate, Rate, Rate]:
    """Hazard coverage, self-inspection, re-examination, rectification, in this order."""
    figures = rate_figures(counts)
    return (
        _rate("hazard_coverage", figures, _uncovered(enterprises)),
        _rate("self_inspection", figures, _without(Stage.SELF_INSPECTION, enrolled, enterprises)),
        _rate("re_examination", figures, _without(Stage.RE_EXAMINATION, enrolled, enterprises)),
        _rate("rectification", figures, _late(findings)),
    )


def _uncovered(enterprises: Sequence[EnterpriseAssessed]) -> list[tuple[str, str | None]]:
    standing = [row for row in enterprises if not row.withdrawn]
    units = [(row, unit) for row in standing for unit in row.hazard_units]
    return [(row.enterprise_id, unit.hazard_unit_id) for row, unit in units if unit.missing_roles or not row.stages]


def _without(
    stage: Stage, enrolled: Sequence[str], enterprises: Sequence[EnterpriseAssessed]
) -> list[tuple[str, str | None]]:
    done = {row.enterprise_id for row in enterprises if stage in row.stages or row.withdrawn}
    return [(name, None) for name in enrolled if name not in done]


def _late(findings: Sequence[FindingAssessed]) -> list[tuple[str, str | None]]:
    return [(row.enterprise_id, str(row.finding_id)) for row in findings if row.overdue or _closed_late(row)]


def _closed_late(finding: FindingAssessed) -> bool:
    due, closed = finding.due_on, finding.closed_on
    return finding.state == "closed" and due is not None and closed is not None and closed > due


def _rate(name: RateId, figures: Mapping[RateId, Share], lacking: Iterable[tuple[str, str | None]]) -> Rate:
    by_enterprise: dict[str, list[str]] = defaultdict(list)
    for enterprise_id, thing in lacking:
        by_enterprise[enterprise_id] += [thing] if thing else []
    behind = tuple(
        Behind(enterprise_id=key, lacking=tuple(sorted(by_enterprise[key]))) for key in sorted(by_enterprise)
    )
    return Rate(id=name, behind=behind, **figures[name].model_dump())
