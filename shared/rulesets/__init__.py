"""Dated rule sets: public standards and our own tables as data, and their arithmetic. Used by intake and scoring (and
notify: alert policy).
"""

from shared.rulesets.loading import load
from shared.rulesets.registry import NotInForce, RuleSet, RuleSets, UnknownRuleSet
from shared.rulesets.tables import InvalidRules

__all__ = ["InvalidRules", "NotInForce", "RuleSet", "RuleSets", "UnknownRuleSet", "load"]
