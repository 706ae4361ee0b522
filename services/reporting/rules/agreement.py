"""How the three stages agree on findings: honesty, strictness, and what nobody found. Called by the evaluation."""

from collections import Counter
from collections.abc import Iterable, Sequence

from services.reporting.rules.statistics import Estimate, Share, chapman, share
from shared.events.base import Grade, Outcome, Stage, Value
from shared.events.risk import EnterpriseAssessed, FindingAssessed

ORDER = (Stage.SELF_INSPECTION, Stage.RE_EXAMINATION, Stage.EXPERT_VERIFICATION)


class EnterpriseHonesty(Value):
    """An enterprise's share of the major findings that others reported, which it had reported itself."""

    enterprise_id: str
    honesty: Share


class Agreement(Value):
    """`found_by` counts findings by the set of stages that reported them (joined by `+`); `by_stage` by each stage."""

    by_stage: dict[Stage, int]
    found_by: dict[str, int]
    honesty: Share
    least_honest: tuple[EnterpriseHonesty, ...]
    strictness: Share
    estimate: Estimate | None


def reporters(finding: FindingAssessed, round_id: str) -> tuple[Stage, ...]:
    """The stages that reported the finding in the round, weakest first."""
    return tuple(stage for stage in ORDER if _reported(finding, stage, round_id))


def agreement(
    round_id: str, enterprises: Sequence[EnterpriseAssessed], findings: Sequence[FindingAssessed]
) -> Agreement:
    """The agreement over all findings of a round."""
    said = [(finding, reporters(finding, round_id)) for finding in findings]
    said = [(finding, stages) for finding, stages in said if stages]
    by_enterprise = _honesty_by_enterprise(said)
    return Agreement(
        by_stage={stage: sum(stage in stages for _, stages in said) for stage in ORDER},
        found_by=dict(sorted(Counter("+".join(stages) for _, stages in said).items())),
        honesty=_total(row.honesty for row in by_enterprise),
        least_honest=tuple(row for row in by_enterprise if row.honesty.part < row.honesty.whole),
        strictness=_strictness(said),
        estimate=_estimate(enterprises, said),
    )


_Said = list[tuple[FindingAssessed, tuple[Stage, ...]]]


def _reported(finding: FindingAssessed, stage: Stage, round_id: str) -> bool:
    verdict = finding.verdicts.get(stage)
    return verdict is not None and verdict.round_id == round_id and verdict.outcome is Outcome.FINDING


def _honesty_by_enterprise(said: _Said) -> list[EnterpriseHonesty]:
    """Of the major findings that county or expert reported, those the enterprise had reported in the same episode."""
    wholes: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for finding, stages in said:
        if finding.grade is Grade.MAJOR and (Stage.RE_EXAMINATION in stages or Stage.EXPERT_VERIFICATION in stages):
            wholes[finding.enterprise_id] += 1
            parts[finding.enterprise_id] += _known_before(finding, Stage.SELF_INSPECTION)
    rows = [EnterpriseHonesty(enterprise_id=name, honesty=share(parts[name], whole)) for name, whole in wholes.items()]
    return sorted(rows, key=lambda row: (row.honesty.share or 0.0, row.enterprise_id))


def _strictness(said: _Said) -> Share:
    """Of the major findings that the expert reported, those the county had."""
    expert = [
        finding for finding, stages in said if finding.grade is Grade.MAJOR and Stage.EXPERT_VERIFICATION in stages
    ]
    return share(sum(_known_before(finding, Stage.RE_EXAMINATION) for finding in expert), len(expert))


def _known_before(finding: FindingAssessed, stage: Stage) -> bool:
    # A stage that reported the finding when this episode opened, in an earlier round, need not repeat itself.
    verdict = finding.verdicts.get(stage)
    return verdict is not None and verdict.outcome is Outcome.FINDING and verdict.round_id >= finding.opened_round


def _total(shares: Iterable[Share]) -> Share:
    rows = list(shares)
    return share(sum(row.part for row in rows), sum(row.whole for row in rows))


def _estimate(enterprises: Sequence[EnterpriseAssessed], said: _Said) -> Estimate | None:
    """Chapman's estimate over the enterprises that both the enterprise itself and the expert inspected; None without
    any.
    """
    ends = (Stage.SELF_INSPECTION, Stage.EXPERT_VERIFICATION)
    common = {row.enterprise_id for row in enterprises if all(stage in row.stages for stage in ends)}
    if not common:
        return None
    stages = [found for finding, found in said if finding.enterprise_id in common]
    own, expert = (sum(stage in found for found in stages) for stage in ends)
    return chapman(own, expert, sum(all(stage in found for stage in ends) for found in stages))
