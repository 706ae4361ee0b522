"""Honest bodies of every route of intake that takes JSON, for fuzzing to spoil. All synthetic."""

from typing import Any

from tests.system import ROUND, County, results

DAY = "2023-02-15"
PERSON = {"name": "Li", "position": "manager", "phone": "1"}
HAZARD_UNIT = {
    "hazard_unit_id": "HU-1",
    "kind": "storage",
    "exposed_population": 60,
    "substances": [{"seq": 12, "quantity_t": 5.0, "class": None}, {"name": "x", "class": "W5.1", "quantity_t": 900}],
    "responsible": {"principal": PERSON, "technical": PERSON, "operational": None},
    "declared_on": DAY,
    "drill": False,
}
INSTALLATION = {"installation_id": "I-1", "commissioned_on": "2001-05-01", "design_life_years": 15, "treatment": None}
RECTIFICATION = {"action": "done", "on": DAY, "due_on": None, "reason": None, "evidence": []}
ACCIDENT = {
    "occurred_at": "2023-02-15T08:00:00+08:00",
    "place": "tank farm",
    "deaths": 0,
    "missing": 0,
    "serious_injuries": 1,
    "direct_loss_yuan": 1000,
    "course": "x",
    "measures": "y",
    "supplement_to": None,
    "drill": False,
}
TASK = {"round_id": ROUND, "task_id": "t1", "progress": 0.5, "on": DAY, "note": "n"}
GUIDANCE = {"round_id": ROUND, "team_id": "team-1", "kind": "visit", "on": DAY, "hours": 2, "people": 3, "text": "t"}
ENTERPRISE = {"name": {"zh": "企业", "en": "E"}, "category": "storage", "park_id": None}


def honest(county: County, finding: str) -> list[tuple[str, str, Any]]:
    """(method, path, body); `finding` is the id that the rectification names."""
    code = county.enterprises[0]
    where = {"enterprise_id": code, "unit_id": county.unit}
    put = "/v1/registry"
    return [
        ("POST", "/v1/inspections", county.inspection(code, results=results("5"))),
        ("POST", "/v1/inspections?dry_run=true", county.inspection(code)),
        ("POST", "/v1/hazard-units", HAZARD_UNIT | where),
        ("POST", "/v1/hazard-units/assess", HAZARD_UNIT | where),
        ("POST", "/v1/installations", INSTALLATION | where),
        ("POST", "/v1/rectifications", RECTIFICATION | where | {"finding_id": finding}),
        ("POST", "/v1/accidents", ACCIDENT | where),
        ("POST", "/v1/park-assessments", {"park_id": "p", "unit_id": county.unit, "score": 61, "assessed_on": DAY}),
        ("POST", "/v1/key-task-progress", TASK | {"unit_id": county.unit}),
        ("POST", "/v1/guidance-records", GUIDANCE | {"unit_id": county.unit, "enterprises": [code]}),
        ("POST", "/v1/keys", {"role": "viewer", "scope": {"units": [county.unit]}, "label": "fuzz"}),
        ("PUT", f"{put}/enterprises/{code}", ENTERPRISE | {"unit_id": county.unit}),
        ("PUT", f"{put}/teams/fuzz", {"name": "t", "units": [county.unit], "members": []}),
        ("PUT", f"{put}/parks/fuzz", {"name": "p", "unit_id": county.unit}),
        ("PUT", f"{put}/enrolments/{ROUND}:{county.unit}", county.enrolment()),
    ]
