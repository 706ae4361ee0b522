"""The demo's synthetic world: six real guidance units of round 2023-1 (names only), everything else invented and
marked so.
"""

import csv
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

from stdnum.cn import uscc

ROUND = "2023-1"
CLOCK_START = "2023-02-20T01:00:00+00:00"
TODAY = date(2023, 2, 20)
TEAM = "team-1"
CHECKLIST = "mhd-2017-121"
CHECKLIST_ITEMS = [str(number) for number in range(1, 21)]
GRADING_ITEMS = ("1.1", "1.2", "2.1", "4.1", "5.1", "6.1", "7.1")
STAGES = ("self_inspection", "re_examination", "expert_verification")
PHASES = ("declarations", *STAGES, "rectifications", "unit records", "drill")
Body = dict[str, Any]


@dataclass(frozen=True)
class Post:
    """One submission: route, name of the key that sends it, body, and an idempotency key computed from what it is."""

    path: str
    key: str
    body: Body
    idempotency_key: str
    label: str


@dataclass
class World:
    """What the demo registers, which keys it asks for, and what it submits, stage by stage."""

    units: list[Body] = field(default_factory=list)
    registry: list[tuple[str, str, Body]] = field(default_factory=list)
    keys: dict[str, Body] = field(default_factory=dict)
    phases: dict[str, list[Post]] = field(default_factory=lambda: {name: [] for name in PHASES})
    enterprises: dict[str, list[str]] = field(default_factory=dict)

    def posts(self) -> list[Post]:
        """Every submission in order."""
        return [post for phase in self.phases.values() for post in phase]


# How the units differ: points lost per enterprise, share of enterprises with a major finding, share re-examined,
# whether one is overdue,
# whether one enterprise falls under a direct-red rule. Chosen so that every colour and two kinds of veto appear;
# nothing real is meant.
CHARACTERS = (
    {"lost": 24, "major": 0.35, "re_examined": 0.8, "overdue": 1, "direct_red": 0, "park": 72.0, "tasks": 0.6},
    {"lost": 6, "major": 0.10, "re_examined": 1.0, "overdue": 1, "direct_red": 0, "park": 88.0, "tasks": 0.9},
    {"lost": 14, "major": 0.20, "re_examined": 0.9, "overdue": 0, "direct_red": 0, "park": 74.0, "tasks": 0.8},
    {"lost": 3, "major": 0.0, "re_examined": 1.0, "overdue": 0, "direct_red": 0, "park": 91.0, "tasks": 1.0},
    {"lost": 45, "major": 1.0, "re_examined": 0.5, "overdue": 2, "direct_red": 1, "park": 58.0, "tasks": 0.2},
    {"lost": 8, "major": 0.10, "re_examined": 1.0, "overdue": 0, "direct_red": 0, "park": 86.0, "tasks": 0.9},
)


def make_world(unit_count: int, enterprise_count: int, seed: int, contact_targets: dict[str, str]) -> World:
    """The world for so many units and enterprises a unit. `contact_targets` gives the webhook receiver's address
    (`webhook`) and secret.
    """
    world, dice = World(), random.Random(seed)
    _add_authorities(world, unit_count, contact_targets)
    for place, unit in enumerate(world.units):
        _add_enterprises(world, unit, place, enterprise_count, dice)
    _add_round(world)
    for place, unit in enumerate(world.units):
        _Unit(world, unit, CHARACTERS[place % len(CHARACTERS)], dice).submit()
    _add_drill(world)
    return world


def _rows(count: int) -> list[dict[str, str]]:
    text = files("deploy.cli.demo").joinpath("data/guidance_units_2023_1.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))[:count]
    for number in range(len(rows) + 1, count + 1):
        rows.append(
            {
                "unit_id": f"sample-unit-{number:02}",
                "name_zh": f"示例单元{number:02}",
                "name_en": f"Sample unit {number:02}",
                "kind": "county",
                "host_division_code": "",
                "prefecture_code": "",
                "province_code": f"{90 + number % 9}0000",
            }
        )
    return rows


def _contact(name: str, channel: str, targets: dict[str, str], locale: str = "zh-CN") -> Body:
    target = f"{name}@keycounty.example" if channel == "email" else f"{targets['webhook']}/{name}"
    secret = targets["secret"] if channel == "webhook" else None
    return {
        "id": f"{name}-{channel}",
        "channel": channel,
        "target": target,
        "secret": secret,
        "locale": locale,
        "hours": None,
    }


def _add_authorities(world: World, unit_count: int, targets: dict[str, str]) -> None:
    put = world.registry.append
    national = {
        "name": {"zh": "国家专班（演示）", "en": "National office (demo)"},
        "tier": "national",
        "parent": None,
        "units": None,
    }
    put(("authorities", "national", national | {"contacts": [_contact("national", "email", targets, "en")]}))
    known = {"national"}
    for row in _rows(unit_count):
        parent = "national"
        for tier, code in (("province", row["province_code"]), ("prefecture", row["prefecture_code"])):
            if not code:
                continue
            name = f"{tier}-{code}"
            if name not in known:
                known.add(name)
                label = {
                    "zh": f"{'省级' if tier == 'province' else '市级'}应急管理部门 {code}（演示）",
                    "en": f"{tier.title()} authority {code} (demo)",
                }
                contacts = [_contact(name, "email", targets), _contact(name, "webhook", targets)]
                put(
                    (
                        "authorities",
                        name,
                        {"name": label, "tier": tier, "parent": parent, "units": None, "contacts": contacts},
                    )
                )
            parent = name
        _add_unit(world, row, parent, targets)


def _add_unit(world: World, row: dict[str, str], parent: str, targets: dict[str, str]) -> None:
    unit_id = row["unit_id"]
    county = f"county-{unit_id}"
    label = {"zh": f"{row['name_zh']}应急管理局（演示）", "en": f"Emergency management bureau, {row['name_en']} (demo)"}
    contacts = [
        _contact(county, "email", targets, "en" if unit_id == "nangang" else "zh-CN"),
        _contact(county, "webhook", targets),
    ]
    world.registry.append(
        (
            "authorities",
            county,
            {"name": label, "tier": "county", "parent": parent, "units": None, "contacts": contacts},
        )
    )
    unit = {
        "name": {"zh": row["name_zh"], "en": row["name_en"]},
        "kind": row["kind"],
        "division_code": row["host_division_code"] or None,
        "division_list": "2023" if row["host_division_code"] else None,
        "authority": county,
        "synthetic": True,
    }
    world.registry.append(("units", unit_id, unit))
    world.units.append({"id": unit_id, "county": county, "prefecture": parent, **unit})
    world.keys[county] = {"role": "county", "scope": {"authority": county}, "label": f"duty officer {unit_id} (demo)"}


def make_uscc(region: str, number: int) -> str:
    """A synthetic unified social credit code with a right check digit; `MADEMO` marks it as invented."""
    body = f"91{region}MADEM{number:04}"
    return body + uscc.calc_check_digit(body)


def _add_enterprises(world: World, unit: Body, place: int, count: int, dice: random.Random) -> None:
    region = unit["division_code"] or f"9{place:05}"
    park = f"park-{unit['id']}"
    world.registry.append(
        (
            "parks",
            park,
            {
                "name": {"zh": f"示例化工园区（{unit['name']['zh']}）", "en": "Sample chemical park"},
                "unit_id": unit["id"],
            },
        )
    )
    members = []
    for number in range(1, count + 1):
        code = make_uscc(region, place * 500 + number)
        body = {
            "name": {
                "zh": f"示例企业{number:02}（{unit['name']['zh']}，虚构）",
                "en": f"Sample enterprise {number:02}, {unit['id']} (synthetic)",
            },
            "unit_id": unit["id"],
            "category": dice.choice(["production", "storage", "user", "pharma"]),
            "park_id": park if number % 2 else None,
        }
        world.registry.append(("enterprises", code, body))
        world.keys[code] = {
            "role": "enterprise",
            "scope": {"enterprises": [code]},
            "label": f"safety officer {code} (demo)",
        }
        members.append(code)
    world.enterprises[unit["id"]] = members


def _window(first: str, last: str) -> Body:
    return {"from": f"{first}T00:00:00+08:00", "to": f"{last}T00:00:00+08:00"}


def _add_round(world: World) -> None:
    members = [
        {"name": "Sample expert A", "field": "process safety", "lead": True},
        {"name": "Sample expert B", "field": "instruments", "lead": False},
    ]
    world.registry.append(
        (
            "teams",
            TEAM,
            {"name": "Expert team 1 (demo)", "units": [unit["id"] for unit in world.units], "members": members},
        )
    )
    world.keys[TEAM] = {"role": "expert", "scope": {"team": TEAM}, "label": "expert team 1 (demo)"}
    world.keys["national"] = {"role": "national", "scope": {}, "label": "national office (demo)"}
    windows = {
        "self_inspection": _window("2023-02-06", "2023-03-04"),
        "re_examination": _window("2023-02-13", "2023-03-11"),
        "expert_verification": _window("2023-02-20", "2023-03-18"),
    }
    period = {"name": "National People's Congress session 全国两会", "from": "2023-03-04", "to": "2023-03-13"}
    tasks = [
        {"id": "dual-prevention", "name": "双重预防机制数字化"},
        {"id": "old-plants", "name": "老旧装置安全风险评估"},
    ]
    body = {
        "year": 2023,
        "number": 1,
        "status": "open",
        "windows": windows,
        "important_periods": [period],
        "key_tasks": tasks,
        "synthetic": True,
    }
    world.registry.append(("rounds", ROUND, body))
    classes = ("improvement", "demonstration", "improvement", "demonstration", "comprehensive", "improvement")
    for place, unit in enumerate(world.units):
        members_of = world.enterprises[unit["id"]]
        enrolment = {
            "round_id": ROUND,
            "unit_id": unit["id"],
            "guidance_class": classes[place % len(classes)],
            "decided_by": "national office (demo)",
            "reason": "demo",
            "team_id": TEAM,
            "expert_target": max(1, len(members_of) // 4),
            "enterprises": members_of,
        }
        world.registry.append(("enrolments", f"{ROUND}:{unit['id']}", enrolment))


class _Unit:
    """Writes one unit's submissions."""

    def __init__(self, world: World, unit: Body, character: dict[str, Any], dice: random.Random) -> None:
        self.world, self.unit, self.character, self.dice = world, unit, character, dice
        self.members = world.enterprises[unit["id"]]
        self.majors = self.members[: round(character["major"] * len(self.members))] or (
            [self.members[0]] if character["overdue"] else []
        )

    def submit(self) -> None:
        for place, enterprise in enumerate(self.members):
            self._declare(place, enterprise)
            self._inspect("self_inspection", enterprise, enterprise, place)
        for place, enterprise in enumerate(self.members[: round(self.character["re_examined"] * len(self.members))]):
            self._inspect("re_examination", self.unit["county"], enterprise, place)
        for place, enterprise in enumerate(self.members[: max(1, len(self.members) // 4)]):
            self._inspect("expert_verification", TEAM, enterprise, place)
        self._records()

    def _post(self, phase: str, path: str, key: str, body: Body, label: str) -> None:
        name = f"demo-{path.strip('/').replace('/', '-')}-{label}"
        self.world.phases[phase].append(Post(path, key, body | {"drill": False}, name, label))

    def _declare(self, place: int, enterprise: str) -> None:
        if place % 2 == 0:
            tonnes = 250.0 if place == 0 and self.character["lost"] > 20 else self.dice.choice([5.0, 12.0, 20.0])
            people = {
                "principal": 1,
                "technical": 1,
                "operational": 0 if place == 2 and self.character["lost"] > 10 else 1,
            }
            body = {
                "hazard_unit_id": f"hu-{place + 1}",
                "enterprise_id": enterprise,
                "unit_id": self.unit["id"],
                "kind": "storage",
                "exposed_population": 120 if tonnes == 250.0 else 60,
                "substances": [
                    {"seq": 12, "quantity_t": tonnes, "class": None},
                    {"seq": 1, "quantity_t": 5.0, "class": None},
                ],
                "responsible": {role: _person(role, place) if there else None for role, there in people.items()},
                "declared_on": "2023-02-08",
            }
            self._post("declarations", "/v1/hazard-units", enterprise, body, f"{enterprise}-hu")
        if place % 3 == 0:
            body = {
                "installation_id": f"inst-{place + 1}",
                "enterprise_id": enterprise,
                "unit_id": self.unit["id"],
                "commissioned_on": "1999-06-01" if place % 2 == 0 else "2012-06-01",
                "design_life_years": 30,
                "treatment": "upgrade" if self.character["lost"] < 10 else None,
            }
            self._post("declarations", "/v1/installations", enterprise, body, f"{enterprise}-inst")

    def _inspect(self, stage: str, key: str, enterprise: str, place: int) -> None:
        body = {
            "round_id": ROUND,
            "stage": stage,
            "unit_id": self.unit["id"],
            "enterprise_id": enterprise,
            "inspected_on": {
                "self_inspection": "2023-02-10",
                "re_examination": "2023-02-15",
                "expert_verification": "2023-02-20",
            }[stage],
            "inspector": {"name": "Sample inspector", "position": "demo"},
            "checklist": CHECKLIST,
            "results": [self._result(stage, enterprise, place, item) for item in CHECKLIST_ITEMS],
            "grading": self._grading(stage, enterprise),
            "supersedes_reason": None,
            "late_reason": None,
        }
        self._post(stage, "/v1/inspections", key, body, f"{enterprise}-{stage}")

    def _result(self, stage: str, enterprise: str, place: int, item: str) -> Body:
        has_major = enterprise in self.majors and item == CHECKLIST_ITEMS[4 + self.members.index(enterprise) % 8]
        # Every third enterprise does not report its own finding: the county sees what the enterprise did not say.
        if not has_major or (stage == "self_inspection" and place % 3 == 1):
            return {"item": item, "outcome": "conform"}
        overdue = self.majors.index(enterprise) < self.character["overdue"]
        return {
            "item": item,
            "outcome": "finding",
            "grade": "major",
            "ref": f"TF-{place + 1}",
            "location": f"tank farm {place + 1} (synthetic)",
            "description": "Synthetic finding of the demo; no real plant is meant.",
            "focus": ["major_hazard"],
            "measure": "Put right and verify.",
            "due_on": self._due_on(stage, overdue=overdue),
        }

    @staticmethod
    def _due_on(stage: str, *, overdue: bool) -> str | None:
        """A date that has passed was given by an earlier stage; the experts leave it standing."""
        if not overdue:
            return "2023-03-20"
        return None if stage == "expert_verification" else "2023-02-17"

    def _grading(self, stage: str, enterprise: str) -> Body | None:
        if stage == "expert_verification":
            return None
        lost = max(
            0.0,
            self.character["lost"]
            + self.dice.choice([-3.0, 0.0, 2.0, 5.0])
            + (2.0 if stage == "re_examination" else 0.0),
        )
        share = lost / len(GRADING_ITEMS)
        direct = ["dr2"] if self.character["direct_red"] and enterprise == self.members[-1] else []
        return {
            "deductions": {item: round(share, 2) for item in GRADING_ITEMS},
            "bonuses": {"8.1": 3.0},
            "direct_red": direct,
        }

    def _records(self) -> None:
        unit_id, county = self.unit["id"], self.unit["county"]
        park = {
            "park_id": f"park-{unit_id}",
            "unit_id": unit_id,
            "score": self.character["park"],
            "assessed_on": "2023-02-16",
        }
        self._post("unit records", "/v1/park-assessments", county, park, f"{unit_id}-park")
        task = {
            "round_id": ROUND,
            "unit_id": unit_id,
            "task_id": "dual-prevention",
            "progress": self.character["tasks"],
            "on": "2023-02-19",
            "note": None,
        }
        self._post("unit records", "/v1/key-task-progress", county, task, f"{unit_id}-task")
        guidance = {"round_id": ROUND, "unit_id": unit_id, "team_id": TEAM, "kind": "training", "on": "2023-02-20"}
        guidance |= {
            "enterprises": self.members[:2],
            "hours": 3,
            "people": 40,
            "text": "Demo: managing special work permits.",
        }
        self._post("unit records", "/v1/guidance-records", TEAM, guidance, f"{unit_id}-guidance")


def _person(role: str, place: int) -> Body:
    return {"name": f"Sample person {place + 1}", "position": role, "phone": "000-0000-0000"}


def _add_drill(world: World) -> None:
    unit = world.units[0]
    enterprise = world.enterprises[unit["id"]][0]
    body = {
        "enterprise_id": enterprise,
        "unit_id": unit["id"],
        "occurred_at": "2023-02-20T08:40:00+08:00",
        "place": "drill ground (synthetic)",
        "deaths": 0,
        "missing": 0,
        "serious_injuries": 2,
        "direct_loss_yuan": 0,
        "course": "DRILL: simulated chlorine leak.",
        "measures": "DRILL",
        "supplement_to": None,
        "drill": True,
    }
    world.phases["drill"].append(Post("/v1/accidents", enterprise, body, "demo-drill-accident", f"{enterprise}-drill"))


def day(text: str) -> date:
    return date.fromisoformat(text)


def rectifications(findings: dict[str, Body], world: World) -> list[Post]:
    """Steps on findings that intake named in its answers: in units without overdue ones, done by the enterprise and
    verified by the county.
    """
    posts: list[Post] = []
    for finding_id, found in sorted(findings.items()):
        if found["due_on"] < TODAY.isoformat() or int(finding_id[0], 16) % 2:
            continue
        county = next(unit["county"] for unit in world.units if unit["id"] == found["unit_id"])
        for action, key, on in (
            ("done", found["enterprise_id"], TODAY - timedelta(days=1)),
            ("verified", county, TODAY),
        ):
            body = {
                "enterprise_id": found["enterprise_id"],
                "unit_id": found["unit_id"],
                "finding_id": finding_id,
                "action": action,
                "on": on.isoformat(),
                "due_on": None,
                "reason": None,
                "evidence": [],
                "drill": False,
            }
            posts.append(
                Post("/v1/rectifications", key, body, f"demo-rect-{finding_id}-{action}", f"{finding_id}-{action}")
            )
    return posts
