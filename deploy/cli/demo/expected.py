"""What the demo's outcome must be, recomputed plainly from the bodies that were posted; shares no code with scoring on
purpose.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field

from deploy.cli.demo.world import ROUND, TODAY, Body, Post, World

# GB 18218-2018: critical quantities (Table 1), beta (Table 3) of the two substances that the demo uses; alpha by
# people (Table 5).
_CRITICAL_AND_BETA = {12: (5.0, 4.0), 1: (10.0, 2.0)}
_ALPHA = ((100, 2.0), (50, 1.5), (30, 1.2), (1, 1.0), (0, 0.5))
# 应急〔2018〕19号: points of the items that the demo takes deductions from; the others stay whole.
# All items together are 100.
_POINTS = {"1.1": 10, "1.2": 5, "2.1": 10, "4.1": 5, "5.1": 10, "6.1": 15, "7.1": 10}
_LEVEL_WEIGHT = {None: 1, 1: 5, 2: 4, 3: 3, 4: 2}
_BAND_VALUE = ((60, 0.0), (70, 0.4), (85, 0.8), (math.inf, 1.0))
_ORDER = ("blue", "yellow", "orange", "red")
_STAGE_RANK = {"self_inspection": 0, "re_examination": 1, "expert_verification": 2}


@dataclass
class Expected:
    """The figures of one unit."""

    index: float
    colour: str
    components: dict[str, float | None]
    vetoes: set[str]
    major_findings: dict[str, bool] = field(default_factory=dict)


def colour_of(points: float) -> str:
    """Bands of 应急〔2018〕19号; the unit index uses the same numbers (ours)."""
    return "blue" if points >= 90 else "yellow" if points >= 75 else "orange" if points >= 60 else "red"


def level_of(body: Body) -> int | None:
    """Level of a hazard unit: GB 18218-2018 clause 4.3."""
    shares = [
        (found["quantity_t"] / _CRITICAL_AND_BETA[found["seq"]][0], _CRITICAL_AND_BETA[found["seq"]][1])
        for found in body["substances"]
    ]
    if sum(share for share, _ in shares) < 1:
        return None
    alpha = next(value for least, value in _ALPHA if body["exposed_population"] >= least)
    r = alpha * sum(share * beta for share, beta in shares)
    return 1 if r >= 100 else 2 if r >= 50 else 3 if r >= 10 else 4


def expect(world: World, posts: list[Post], unit: Body, finding_ids: dict[str, Body]) -> Expected:
    """The unit's figures after all `posts`; `finding_ids` are the findings as intake named them, by id."""
    mine = [post for post in posts if post.body["unit_id"] == unit["id"] and not post.body["drill"]]
    members = world.enterprises[unit["id"]]
    inspections = [post.body for post in mine if post.path == "/v1/inspections"]
    levels = _levels(mine)
    grades = _grades(inspections)
    findings = {key: found for key, found in finding_ids.items() if found["unit_id"] == unit["id"]}
    verified = {
        post.body["finding_id"]
        for post in mine
        if post.path == "/v1/rectifications" and post.body["action"] == "verified"
    }
    components = {
        "enterprise_grades": _mean_grade(grades, levels),
        **_finding_components(findings, verified, len(members)),
        "coverage": _coverage(inspections, members),
        **_register_components(mine),
    }
    index = _index(components)
    vetoes = _vetoes(findings, verified, inspections)
    worst = max([colour_of(index)] + (["orange"] if vetoes else []), key=_ORDER.index)
    overdue = {key: found["due_on"] < TODAY.isoformat() for key, found in findings.items()}
    return Expected(index, worst, components, vetoes, overdue)


def _levels(mine: list[Post]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for post in mine:
        if post.path == "/v1/hazard-units":
            found[post.body["enterprise_id"]] = level_of(post.body)
    return found


def _grades(inspections: list[Body]) -> dict[str, float]:
    best: dict[str, tuple[int, float]] = {}
    for body in inspections:
        grading = body["grading"]
        if grading is None:
            continue
        lost = sum(min(points, grading["deductions"].get(item, 0)) for item, points in _POINTS.items())
        rank = _STAGE_RANK[body["stage"]]
        if rank >= best.get(body["enterprise_id"], (-1, 0))[0]:
            best[body["enterprise_id"]] = (rank, 100 - lost + sum(grading["bonuses"].values()))
    return {enterprise: score for enterprise, (_, score) in best.items()}


def _mean_grade(grades: dict[str, float], levels: dict[str, int | None]) -> float | None:
    weights = {enterprise: _LEVEL_WEIGHT[levels.get(enterprise)] for enterprise in grades}
    total = sum(weights.values())
    return sum(weights[key] * min(score, 100) / 100 for key, score in grades.items()) / total if total else None


def _finding_components(findings: dict[str, Body], verified: set[str], enrolled: int) -> dict[str, float]:
    open_ones = {key for key in findings if key not in verified}
    overdue = {key for key in open_ones if findings[key]["due_on"] < TODAY.isoformat()}
    in_time = {key for key in verified & set(findings) if TODAY.isoformat() <= findings[key]["due_on"]}
    due = len(verified & set(findings)) + len(overdue)
    major = 1 - min(1.0, (len(open_ones) + len(overdue)) / enrolled)
    return {"major_findings": major, "rectification": len(in_time) / due if due else 1.0}


def _coverage(inspections: list[Body], members: list[str]) -> float:
    done: dict[str, set[str]] = defaultdict(set)
    for body in inspections:
        done[body["stage"]].add(body["enterprise_id"])
    share = {stage: len(done[stage]) / len(members) for stage in _STAGE_RANK}
    target = max(1, len(members) // 4)
    return (
        0.5 * share["self_inspection"]
        + 0.3 * share["re_examination"]
        + 0.2 * min(1, len(done["expert_verification"]) / target)
    )


def _register_components(mine: list[Post]) -> dict[str, float | None]:
    plants = [post.body for post in mine if post.path == "/v1/installations"]
    safe = [plant for plant in plants if plant["treatment"] or int(plant["commissioned_on"][:4]) + 20 > TODAY.year]
    parks = [
        next(value for below, value in _BAND_VALUE if post.body["score"] < below)
        for post in mine
        if post.path == "/v1/park-assessments"
    ]
    tasks = [post.body["progress"] for post in mine if post.path == "/v1/key-task-progress"]
    return {
        "old_installations": len(safe) / len(plants) if plants else None,
        "chemical_parks": sum(parks) / len(parks) if parks else None,
        "key_tasks": sum(tasks) / 2,  # the round names two tasks, one of them never reported on
    }


def _index(components: dict[str, float | None]) -> float:
    weights = {
        "enterprise_grades": 30,
        "major_findings": 25,
        "rectification": 15,
        "coverage": 10,
        "old_installations": 8,
        "chemical_parks": 6,
        "key_tasks": 6,
    }
    known = {name: score for name, score in components.items() if score is not None}
    return 100 * sum(weights[name] * score for name, score in known.items()) / sum(weights[name] for name in known)


def _vetoes(findings: dict[str, Body], verified: set[str], inspections: list[Body]) -> set[str]:
    found = set()
    if any(key not in verified and one["due_on"] < TODAY.isoformat() for key, one in findings.items()):
        found.add("major_finding_overdue")
    if any(body["grading"] and body["grading"]["direct_red"] for body in inspections):
        found.add("direct_red_enterprise")
    return found


__all__ = ["ROUND", "Expected", "colour_of", "expect", "level_of"]
