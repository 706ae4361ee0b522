"""Builders of registry objects and of the bodies that callers post; imported through tests.builders. All synthetic.

Each takes only what a test is about; everything else has a plain default. `**changes` replaces fields.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.events.base import Stage
from shared.rulesets import uscc

UNIT = "linzi"
ROUND = "2023-1"
SOURCE = "keycounty/intake"
NOON = datetime(2023, 2, 20, 4, 0, tzinfo=UTC)
STAGES = tuple(Stage)
_ORGANISATION = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def enterprise_id(number: int, division: str = "370305") -> str:
    """A valid unified social credit code (GB 32100-2015), the same for the same number."""
    body, rest = "", number
    for _ in range(6):
        rest, digit = divmod(rest, 10)
        body = str(digit) + body
    organisation = "MA" + body
    total = sum(
        weight * (int(char) if char.isdigit() else ord(char) - 55)
        for weight, char in zip(_ORGANISATION_WEIGHTS, organisation, strict=True)
    )
    check = 11 - total % 11
    return uscc.with_check_digit("91" + division + organisation + "0123456789X0"[check])


ENTERPRISE = enterprise_id(1)


def unit(id: str = UNIT, *, authority: str | None = None, **changes: Any) -> dict[str, Any]:
    """A guidance unit as `PUT /v1/registry/units/{id}` takes it."""
    return {
        "name": {"zh": f"示例单位 {id}", "en": f"Sample unit {id}"},
        "kind": "district",
        "division_code": "370305",
        "division_list": "GB/T 2260-2007",
        "authority": authority or f"{id}-county",
        **changes,
    }


def contact(id: str = "duty", channel: str = "email", **changes: Any) -> dict[str, Any]:
    """A contact of an authority."""
    plain = {"target": "duty@example.org", "secret": None, "locale": "zh-CN", "hours": None}
    return {"id": id, "channel": channel, **plain, **changes}


def authority(id: str, tier: str = "county", parent: str | None = None, **changes: Any) -> dict[str, Any]:
    """An authority with one contact."""
    return {
        "name": f"{id} (sample)",
        "tier": tier,
        "parent": parent,
        "units": None,
        "contacts": [contact(target=f"{id}@example.org")],
        **changes,
    }


def authorities(unit_id: str = UNIT) -> dict[str, dict[str, Any]]:
    """The chain of a unit, county to national, by id; the upper three are shared by all units."""
    return {
        f"{unit_id}-county": authority(f"{unit_id}-county", "county", "prefecture"),
        "prefecture": authority("prefecture", "prefecture", "province"),
        "province": authority("province", "province", "national"),
        "national": authority("national", "national"),
    }


def team(units: Sequence[str] = (UNIT,), **changes: Any) -> dict[str, Any]:
    """An expert team."""
    members = [{"name": "Sample Expert", "field": "process safety", "lead": True}]
    return {"name": "Sample team", "units": list(units), "members": members, **changes}


def park(unit_id: str = UNIT, **changes: Any) -> dict[str, Any]:
    """A chemical park."""
    return {"name": "Sample park", "unit_id": unit_id, **changes}


def enterprise(unit_id: str = UNIT, **changes: Any) -> dict[str, Any]:
    """An enterprise."""
    return {"name": "Sample enterprise", "unit_id": unit_id, "category": "production", "park_id": None, **changes}


def windows(opens: date = date(2023, 2, 13), days: int = 16) -> dict[str, dict[str, str]]:
    """The three stages' windows, one after the other, each so many days (midnights of Asia/Shanghai)."""
    found = {}
    for index, stage in enumerate(STAGES):
        start = opens + timedelta(days=index * days)
        ends = start + timedelta(days=days)
        found[stage.value] = {"from": f"{start.isoformat()}T00:00:00+08:00", "to": f"{ends.isoformat()}T00:00:00+08:00"}
    return found


def round_(year: int = 2023, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A round as the registry holds it."""
    return {
        "year": year,
        "number": number,
        "status": "open",
        "windows": windows(),
        "important_periods": [{"name": "National People's Congress", "from": "2023-03-05", "to": "2023-03-13"}],
        "key_tasks": [{"id": "automation", "name": "Automation upgrade"}],
        **changes,
    }


def enrolment(
    unit_id: str = UNIT, round_id: str = ROUND, enterprises: Sequence[str] = (ENTERPRISE,), **changes: Any
) -> dict[str, Any]:
    """A unit's enrolment in a round; its id is `{round_id}:{unit_id}`."""
    return {
        "round_id": round_id,
        "unit_id": unit_id,
        "guidance_class": "improvement",
        "decided_by": "national",
        "reason": "sample",
        "team_id": "team-1",
        "expert_target": 1,
        "enterprises": list(enterprises),
        **changes,
    }


def results_body(items: Iterable[str], findings: Mapping[str, Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
    """An answer to each item: `conform`, or the finding given for it."""
    given = findings or {}
    return [
        {"item": item, "outcome": "finding" if item in given else "conform", **given.get(item, {})} for item in items
    ]


def inspection_body(**changes: Any) -> dict[str, Any]:
    """A valid self-inspection against `mhd-2017-121` with one major finding (item 5)."""
    major = {
        "grade": "major",
        "ref": "TF-2",
        "location": "tank farm 2",
        "description": "synthetic",
        "focus": ["major_hazard"],
        "due_on": "2023-03-20",
    }
    return {
        "round_id": ROUND,
        "stage": "self_inspection",
        "unit_id": UNIT,
        "enterprise_id": ENTERPRISE,
        "inspected_on": "2023-02-20",
        "inspector": {"name": "Sample Inspector", "position": "safety officer"},
        "checklist": "mhd-2017-121",
        "results": results_body((str(item) for item in range(1, 21)), {"5": major}),
        "grading": {"deductions": {"1.1": 4, "4.1": 2.5}, "bonuses": {}, "direct_red": []},
        "supersedes_reason": None,
        "late_reason": None,
        "drill": False,
        **changes,
    }


def person(name: str = "Sample Person") -> dict[str, str]:
    """A responsible person."""
    return {"name": name, "position": "sample", "phone": "00000000"}


def hazard_unit_body(**changes: Any) -> dict[str, Any]:
    """Chlorine 5 t and ammonia 5 t with 60 people near: S 1.5, R 7.5, level IV."""
    return {
        "hazard_unit_id": "HU-1",
        "enterprise_id": ENTERPRISE,
        "unit_id": UNIT,
        "kind": "storage",
        "exposed_population": 60,
        "substances": [{"seq": 12, "quantity_t": 5.0}, {"seq": 1, "quantity_t": 5.0}],
        "responsible": {"principal": person(), "technical": person(), "operational": person()},
        "declared_on": "2023-02-15",
        "drill": False,
        **changes,
    }


def installation_body(**changes: Any) -> dict[str, Any]:
    """An installation of 1998: old."""
    return {
        "installation_id": "IN-1",
        "enterprise_id": ENTERPRISE,
        "unit_id": UNIT,
        "commissioned_on": "1998-05-01",
        "design_life_years": 30,
        "treatment": None,
        **changes,
    }


def rectification_body(finding: uuid.UUID | str, action: str = "done", **changes: Any) -> dict[str, Any]:
    """A step of putting a finding right."""
    return {
        "enterprise_id": ENTERPRISE,
        "unit_id": UNIT,
        "finding_id": str(finding),
        "action": action,
        "on": "2023-03-01",
        "due_on": None,
        "reason": None,
        "evidence": [],
        **changes,
    }


def accident_body(**changes: Any) -> dict[str, Any]:
    """A larger accident: three deaths."""
    return {
        "enterprise_id": ENTERPRISE,
        "unit_id": UNIT,
        "occurred_at": "2023-02-21T10:00:00+08:00",
        "place": "synthetic workshop",
        "deaths": 3,
        "missing": 0,
        "serious_injuries": 0,
        "direct_loss_yuan": 0,
        "course": "synthetic",
        "measures": "synthetic",
        "supplement_to": None,
        "drill": False,
        **changes,
    }


def park_assessment_body(**changes: Any) -> dict[str, Any]:
    """A park of band C."""
    return {"park_id": "park-1", "unit_id": UNIT, "score": 72.5, "assessed_on": "2023-02-20", **changes}


def key_task_body(**changes: Any) -> dict[str, Any]:
    """Half of a key task done."""
    return {
        "round_id": ROUND,
        "unit_id": UNIT,
        "task_id": "automation",
        "progress": 0.5,
        "on": "2023-02-25",
        "note": None,
        **changes,
    }


def guidance_body(**changes: Any) -> dict[str, Any]:
    """A training given by the expert team."""
    return {
        "round_id": ROUND,
        "unit_id": UNIT,
        "team_id": "team-1",
        "kind": "training",
        "on": "2023-03-20",
        "enterprises": [ENTERPRISE],
        "hours": 3,
        "people": 40,
        "text": "synthetic",
        **changes,
    }
