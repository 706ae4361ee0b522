"""What the items of checklists and of the grading are about, for evaluations and pages."""

from collections.abc import Mapping

from shared.rulesets import RuleSets
from shared.rulesets.grading import GradingTable
from shared.web.grading_titles import GRADING_EN

Titles = Mapping[str, Mapping[str, str]]


def item_titles(rule_sets: RuleSets) -> Titles:
    """Titles in both languages by `<checklist>/<item>`, from the latest version of each checklist."""
    return {
        f"{checklist.id}/{item.id}": {str(locale): title for locale, title in item.title.items()}
        for checklist in rule_sets.checklists()
        for item in checklist.items.values()
    }


def grading_titles(rule_sets: RuleSets) -> Titles:
    """Titles in both languages of the grading's items and direct-red rules, by code."""
    found: dict[str, Mapping[str, str]] = {}
    for table in (each.value for each in rule_sets.all() if isinstance(each.value, GradingTable)):
        found |= {code: {"zh": one.title_zh, "en": GRADING_EN.get(code, code)} for code, one in table.items.items()}
        found |= {code: {"zh": red.title_zh, "en": red.paraphrase_en} for code, red in table.direct_red.items()}
    return found
