"""Reads the demo's outcome through the APIs and holds it against the plain recomputation. Shown by tables."""

from dataclasses import dataclass, field

from deploy.cli.demo.client import Client
from deploy.cli.demo.expected import Expected, expect
from deploy.cli.demo.receivers import Receivers
from deploy.cli.demo.world import ROUND, Body, World

_TOLERANCE = 1e-6
_STYLES = {"blue": "blue", "yellow": "yellow", "orange": "dark_orange", "red": "red"}


@dataclass
class Outcome:
    """Everything the demo found, and the checks that failed."""

    units: list[Body]
    expected: dict[str, Expected]
    alerts: list[Body]
    completeness: Body
    evaluation: Body
    latencies: list[float]
    submissions: int
    failures: list[str] = field(default_factory=list)
    checks: int = 0

    def check(self, name: str, wanted: object, found: object) -> None:
        """Counts one check; a failed one is kept with both values."""
        self.checks += 1
        same = (
            abs(wanted - found) <= _TOLERANCE
            if isinstance(wanted, float) and isinstance(found, int | float)
            else wanted == found
        )
        if not same:
            self.failures.append(f"{name}: expected {wanted!r}, found {found!r}")


async def read_outcome(
    client: Client, receivers: Receivers, world: World, findings: dict[str, Body], evaluated: str
) -> Outcome:
    """Asks every service for the outcome; freezes the evaluation of the unit `evaluated`."""
    posts = [sent.post for sent in client.sent]
    units = [await client.ask("reporting", f"/v1/units/{unit['id']}/risk") for unit in world.units]
    answer = await client.call(
        "POST", "reporting", "/v1/evaluations", "national", json={"round_id": ROUND, "unit_id": evaluated}
    )
    return Outcome(
        units=units,
        expected={unit["id"]: expect(world, posts, unit, findings) for unit in world.units},
        alerts=await _all_alerts(client),
        completeness=await client.ask("reporting", "/v1/completeness"),
        evaluation=answer.json() | {"status_code": answer.status_code},
        latencies=_latencies(client, receivers),
        submissions=len(posts),
    )


async def _all_alerts(client: Client) -> list[Body]:
    found: list[Body] = []
    cursor = ""
    while True:
        answer = await client.ask("notify", "/v1/alerts?limit=200" + (f"&cursor={cursor}" if cursor else ""))
        found += [await client.ask("notify", f"/v1/alerts/{alert['id']}") for alert in answer["items"]]
        cursor = answer["next_cursor"]
        if not cursor:
            return found


def _latencies(client: Client, receivers: Receivers) -> list[float]:
    """Seconds from the POST that first reported a finding to the first webhook about it at a county's receiver."""
    began: dict[str, float] = {}
    for sent in client.sent:
        for found in sent.answer.get("findings", []):
            began[found["finding_id"]] = min(sent.began, began.get(found["finding_id"], sent.began))
    arrived: dict[str, float] = {}
    for one in receivers.taken:
        if one.channel == "webhook" and one.to.startswith("county-") and isinstance(one.body, dict):
            finding = one.body["data"]["facts"].get("finding_id")
            if finding in began:
                arrived.setdefault(finding, one.at)
    return [arrived[finding] - began[finding] for finding in arrived]


def verify(outcome: Outcome, receivers: Receivers, world: World, silent_unit: str) -> None:
    """Every check of the outcome; failures are kept in it."""
    _check_completeness(outcome)
    for risk in outcome.units:
        _check_unit(outcome, risk)
    _check_alerts(outcome, receivers, silent_unit)
    outcome.check("evaluation frozen", 201, outcome.evaluation["status_code"])
    wanted = outcome.expected[world.units[0]["id"]].index
    outcome.check("index in the evaluation", wanted, outcome.evaluation.get("index"))


def _check_completeness(outcome: Outcome) -> None:
    for name in ("accepted", "scored", "projected"):
        outcome.check(f"completeness: {name}", outcome.submissions, outcome.completeness[name])
    outcome.check("completeness: missing", 0, outcome.completeness["missing"])


def _check_unit(outcome: Outcome, risk: Body) -> None:
    unit = risk["unit_id"]
    wanted = outcome.expected[unit]
    outcome.check(f"{unit}: index", float(wanted.index), risk["index"])
    outcome.check(f"{unit}: colour", wanted.colour, risk["colour"])
    outcome.check(f"{unit}: vetoes", sorted(wanted.vetoes), sorted(risk["vetoes"]))
    for component in risk["components"]:
        score = wanted.components[component["id"]]
        outcome.check(f"{unit}: {component['id']}", None if score is None else float(score), component["score"])


def _check_alerts(outcome: Outcome, receivers: Receivers, silent_unit: str) -> None:
    about = {alert["facts"].get("finding_id"): alert for alert in outcome.alerts if alert["kind"] == "major_finding"}
    for expected in outcome.expected.values():
        for finding, overdue in expected.major_findings.items():
            outcome.check(
                f"one alert for finding {finding}",
                1,
                sum(alert["facts"].get("finding_id") == finding for alert in outcome.alerts),
            )
            severity = about[finding]["severity"] if finding in about else None
            if overdue:
                outcome.check(f"severity of the overdue finding {finding}", "extreme", severity)
    _check_messages(outcome, receivers)
    silent = [alert for alert in outcome.alerts if alert["unit_id"] == silent_unit and alert["kind"] == "major_finding"]
    escalated = [alert for alert in silent if any(entry["event"] == "alert.escalated" for entry in alert["history"])]
    outcome.check(f"an unanswered alert of {silent_unit} escalated", True, bool(escalated))
    outcome.check(
        f"{silent_unit}'s alerts were answered by the prefecture",
        True,
        all(alert["state"] in ("acknowledged", "closed") for alert in silent),
    )
    drills = [alert for alert in outcome.alerts if alert["drill"]]
    outcome.check("one drill alert", 1, len(drills))


def _check_messages(outcome: Outcome, receivers: Receivers) -> None:
    """Each alert about a finding reached its county exactly once by mail and once by webhook with its first message."""
    first = [one for one in receivers.effective().values() if one.channel == "webhook" and isinstance(one.body, dict)]
    counts: dict[tuple[str, str], int] = {}
    for one in first:
        assert isinstance(one.body, dict)
        if one.to.startswith("county-") and one.body["type"] == "keycounty.alert.open":
            key = (one.body["data"]["id"], one.to)
            counts[key] = counts.get(key, 0) + 1
    for alert in outcome.alerts:
        if alert["kind"] == "major_finding":
            outcome.check(
                f"webhook about {alert['id']}", True, counts.get((alert["id"], f"county-{alert['unit_id']}"), 0) >= 1
            )
    outcome.check("webhooks with a wrong signature", 0, receivers.refused)
