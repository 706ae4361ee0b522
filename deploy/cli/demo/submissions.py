"""What the demo submits: every stage of every enterprise, records of the units, steps on findings, and one drill."""

import random
from datetime import timedelta
from typing import Any

from deploy.cli.demo.world import CHECKLIST, CHECKLIST_ITEMS, GRADING_ITEMS, ROUND, TEAM, TODAY, Body, Post, World

# How the units differ: points lost per enterprise, share of enterprises with a major finding, share re-examined,
# how many findings are overdue, whether one enterprise falls under a direct-red rule. Chosen so that every colour and
# two kinds of veto appear; nothing real is meant.
CHARACTERS = (
    {"lost": 24, "major": 0.35, "re_examined": 0.8, "overdue": 1, "direct_red": 0, "park": 72.0, "tasks": 0.6},
    {"lost": 6, "major": 0.10, "re_examined": 1.0, "overdue": 1, "direct_red": 0, "park": 88.0, "tasks": 0.9},
    {"lost": 14, "major": 0.20, "re_examined": 0.9, "overdue": 0, "direct_red": 0, "park": 74.0, "tasks": 0.8},
    {"lost": 3, "major": 0.0, "re_examined": 1.0, "overdue": 0, "direct_red": 0, "park": 91.0, "tasks": 1.0},
    {"lost": 45, "major": 1.0, "re_examined": 0.5, "overdue": 2, "direct_red": 1, "park": 58.0, "tasks": 0.2},
    {"lost": 8, "major": 0.10, "re_examined": 1.0, "overdue": 0, "direct_red": 0, "park": 86.0, "tasks": 0.9},
)


class UnitSubmissions:
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


def add_drill(world: World) -> None:
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
