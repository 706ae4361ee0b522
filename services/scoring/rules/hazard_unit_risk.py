"""S, R and level of hazard units with their contributions, as `enterprise.assessed` shows them (GB 18218-2018)."""

from collections.abc import Sequence

from services.scoring.rules.measures import Json
from services.scoring.rules.rulebook import Rulebook
from services.scoring.rules.state import Enterprise, HazardUnit
from shared.errors import Rejected
from shared.events.inspections import Substance
from shared.rulesets import RuleSet, gb18218


def assessed(rule_set: RuleSet, substances: Sequence[Substance], exposed: int) -> gb18218.Assessment:
    """The assessment of a declaration. Raises `Rejected` naming everything wrong."""
    try:
        return gb18218.assess(rule_set.of(gb18218.Table), substances, exposed)
    except gb18218.Invalid as wrong:
        raise Rejected("invalid_hazard_unit", str(wrong)) from wrong


def shown(enterprise: Enterprise, book: Rulebook) -> list[Json]:
    """The declared hazard units by id. Each is worked out once and kept until it is declared again."""
    found = enterprise.hazard_units
    if not found:
        return []
    return [_risk(unit, book) for _, unit in sorted(found.items()) if not unit.withdrawn]


def _risk(unit: HazardUnit, book: Rulebook) -> Json:
    if unit.risk is None:
        rule_set = book.hazard_units(unit.declared_on)
        substances = [Substance.model_validate(each) for each in unit.substances]
        unit.risk = _shown(unit, rule_set, assessed(rule_set, substances, unit.exposed))
    return unit.risk


def _shown(unit: HazardUnit, rule_set: RuleSet, assessment: gb18218.Assessment) -> Json:
    return {
        "hazard_unit_id": unit.id,
        "kind": unit.kind,
        "s": assessment.s,
        "r": assessment.r,
        "level": assessment.level,
        "missing_roles": unit.missing,
        "responsible": unit.responsible,
        "declared_on": unit.declared_on,
        "contributions": [_contribution(rule_set, each, assessment.alpha) for each in assessment.contributions],
        "rule_set": rule_set.ref.model_dump(),
    }


def _contribution(rule_set: RuleSet, found: gb18218.Contribution, alpha: float) -> Json:
    """What one substance adds to R; S is the sum of the ratios."""
    inputs = {
        "name": found.name_zh,
        "classes": list(found.classes),
        "quantity_t": found.quantity_t,
        "critical_quantity_t": found.critical_quantity_t,
        "ratio": found.ratio,
        "beta": found.beta,
        "alpha": alpha,
    }
    return {
        "rule": rule_set.id,
        "version": rule_set.version,
        "clause": f"{found.critical_quantity_clause}; {found.beta_clause}",
        "inputs": inputs,
        "points": alpha * found.weighted,
    }
