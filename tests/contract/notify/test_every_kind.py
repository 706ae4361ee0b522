"""Every kind of hazard that the policy names: its alert, whom it tells at once, its timers, in calm and in important
times."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.notify.rules.alert import TIERS, StepKind
from services.notify.rules.wording import KINDS
from tests.contract.notify.world import START, World, packaged, settings

POLICY = packaged()
EVERY = sorted(POLICY.severity)
CONDITIONS = {"hazard_unit.level_1", "hazard_unit.level_2", "responsible_person_missing"}


def a_hazard(world: World, key: str) -> Any:
    kind = "major_finding" if key == "major_finding_overdue" else key
    return world.hazard(kind, key, subject=f"about-{key}", condition=key in CONDITIONS)


@pytest.mark.parametrize("important", [False, True])
@pytest.mark.parametrize("key", EVERY)
async def test_it_opens_an_alert_with_the_policys_severity_tiers_and_timers(
    tmp_path: Path, key: str, important: bool
) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register()
        day = START.date().isoformat()
        periods = [{"name": "两会", "from": day, "to": day}] if important else []
        await world.put("rounds", "2023-1", {"important_periods": periods})
        await world.caught_up(rounds="2023-1")
        alert = await world.settled(await world.publish(a_hazard(world, key)))
        severity = POLICY.severity[key]
        assert (alert.severity, alert.state, alert.tier, alert.sent) == (severity, "open", "county", True)
        assert set(alert.told) == {"county", *POLICY.tiers_at_once[severity]}
        escalation = next(step for step in alert.steps if step.kind is StepKind.ESCALATION)
        minutes = POLICY.ack_within_minutes[severity] * (0.5 if important else 1)
        assert escalation.due == START + timedelta(minutes=minutes)
        assert KINDS[key][0] in alert.headline["zh"]
        assert KINDS[key][1] in alert.headline["en"]


@pytest.mark.parametrize("key", EVERY)
async def test_an_answer_without_a_time_promises_the_policys_or_closes_a_condition(tmp_path: Path, key: str) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register()
        id = await world.publish(a_hazard(world, key))
        await world.settled(id)
        await world.notify.handlers.acknowledge(id, "me", "", "api", None)
        alert = await world.alert(id)
        hours = POLICY.default_promise_hours[POLICY.severity[key]]
        expected = ("closed", None) if key in CONDITIONS else ("acknowledged", START + timedelta(hours=hours))
        assert (alert.state, alert.promise_by) == expected


async def test_a_drill_goes_the_whole_way_and_says_so(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register()
        id = await world.publish(world.hazard("accident.ordinary", subject="drill", drill=True))
        for tier in TIERS:
            (message, *_) = await world.told(tier)
            assert ("【演练】" in message.subject, message.payload["drill"]) == (True, True)
            await world.settled(id)
            world.clock.turn(minutes=60)
        assert (await world.alert(id)).tier == "national"
