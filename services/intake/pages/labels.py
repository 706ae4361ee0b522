"""The words for codes that the pages show: English here, Chinese in the message catalogue; a test finds what lacks
one.
"""

from collections.abc import Mapping

STAGES: Mapping[str, str] = {
    "self_inspection": "Self-inspection",
    "re_examination": "Re-examination",
    "expert_verification": "Expert verification",
}
OUTCOMES: Mapping[str, str] = {
    "conform": "Conform",
    "finding": "Finding",
    "not_applicable": "Not applicable",
    "absent": "Not named again",
}
GRADES: Mapping[str, str] = {"ordinary": "Ordinary", "major": "Major"}
ACTIONS: Mapping[str, str] = {
    "planned": "Planned",
    "done": "Done",
    "verified": "Verified",
    "rejected": "Rejected",
    "extended": "Extended",
}
CLASSES: Mapping[str, str] = {
    "demonstration": "Demonstration",
    "improvement": "Improvement",
    "comprehensive": "Comprehensive",
}
CATEGORIES: Mapping[str, str] = {
    "production": "Production",
    "storage": "Storage",
    "user": "User of hazardous chemicals",
    "pharma": "Pharmaceutical",
}
ROLES: Mapping[str, str] = {
    "enterprise": "Enterprise",
    "county": "County authority",
    "prefecture": "Prefecture authority",
    "province": "Province authority",
    "expert": "Expert team",
    "national": "National office",
    "viewer": "Viewer",
    "admin": "Administrator",
}
KINDS: Mapping[str, str] = {
    "inspection": "Inspection",
    "hazard_unit": "Hazard unit",
    "installation": "Installation",
    "hazard_unit_withdrawal": "Hazard unit withdrawn",
    "installation_withdrawal": "Installation withdrawn",
    "rectification": "Rectification",
    "accident": "Accident",
}
WINDOWS: Mapping[str, str] = {
    "before": "Not open yet",
    "open": "Open",
    "after": "Closed: late submissions need a reason",
    "none": "No window set",
}
LABELS: Mapping[str, Mapping[str, str]] = {
    "stage": STAGES,
    "outcome": OUTCOMES,
    "grade": GRADES,
    "action": ACTIONS,
    "class": CLASSES,
    "category": CATEGORIES,
    "role": ROLES,
    "kind": KINDS,
    "window": WINDOWS,
}


def label(kind: str, code: str | None) -> str:
    """The English word for a code; an unknown code stays as it is."""
    return "–" if code is None else LABELS[kind].get(code, code)
