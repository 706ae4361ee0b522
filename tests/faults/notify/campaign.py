"""Kills under load, and what a count at the receivers finds afterwards. The campaigns of `make faults` and the short
rounds of `make test` differ in their numbers alone.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from deploy.local.kafka import LocalKafka
from deploy.local.store import LocalStore
from tests.faults.notify.deployment import Deployment

ALERTS_A_ROUND = 30
# What a replica has under way at most, and so may repeat when it dies: so many steps of two contacts.
SENDS_AT_ONCE = 4
CONTACTS = {"county": ("duty", "group"), "prefecture": ("office",)}
MOST_REPEATS = SENDS_AT_ONCE * max(len(names) for names in CONTACTS.values())
UNITS = 6
ANSWER_MINUTES = 0.05
"""Nobody answers: each alert goes on to the prefecture while parts die."""

Taken = tuple[str, str, str]


async def kills(kafka: str, mongo: str, folder: Path, count: int, seed: int) -> dict[str, int]:
    """One of two replicas killed and started again, so many times at random moments; `counted`'s figures."""
    dice, deployment = random.Random(seed), _deployment(kafka, mongo, folder)
    await _begin(deployment)
    try:
        for _ in range(count):
            await deployment.hazards(ALERTS_A_ROUND)
            await asyncio.sleep(dice.uniform(0.0, 0.8))
            victim = deployment.replicas[dice.choice(list(deployment.replicas))]
            await victim.kill()
            await victim.start()
            await victim.ready()
        return await _count(deployment) | {"kills": count}
    finally:
        await deployment.stop()


async def outages(parts: Sequence[str], folder: Path, count: int, seed: int) -> dict[str, int]:
    """`store` and `broker`, as `parts` names them, killed in turn so many times at random moments and away for up to
    two seconds, under two replicas that live on; `counted`'s figures.
    """
    with LocalKafka(folder / "kafka") as kafka, LocalStore(folder / "store") as store:
        dice, deployment = random.Random(seed), _deployment(kafka.bootstrap, store.uri, folder)
        await _begin(deployment)
        try:
            for number in range(count):
                part = parts[number % len(parts)]
                await deployment.hazards(ALERTS_A_ROUND)
                await asyncio.sleep(dice.uniform(0.0, 0.8))
                await asyncio.to_thread(store.kill if part == "store" else kafka.kill)
                await asyncio.sleep(dice.uniform(0.0, 2.0))
                await asyncio.to_thread(store.start if part == "store" else kafka.start_node)
            found = await _count(deployment)
            assert all(replica.process.returncode is None for replica in deployment.replicas.values())
            return found | {"outages": count}
        finally:
            await deployment.stop()


def _deployment(kafka: str, mongo: str, folder: Path) -> Deployment:
    text = files("shared.rulesets").joinpath("data/alerting.toml").read_text("utf-8")
    policy = folder / "policy.toml"
    policy.write_text(text.replace("severe = 60", f"severe = {ANSWER_MINUTES}", 1), "utf-8")
    settings = {"SENDS_AT_ONCE": str(SENDS_AT_ONCE), "ALERT_POLICY_FILE": str(policy)}
    return Deployment(kafka, mongo, folder, UNITS, CONTACTS, **settings)


async def _begin(deployment: Deployment) -> None:
    await deployment.start()
    deployment.receiver.slow_s = 0.02
    for name in ("notify-a", "notify-b"):
        await deployment.replica(name)


async def _count(deployment: Deployment) -> dict[str, int]:
    try:
        await deployment.all_told(list(deployment.recipients), 180)
    except TimeoutError:
        # What is missing is counted.
        pass
    return counted(deployment.recipients, deployment.receiver.taken)


def counted(wanted: Mapping[str, Sequence[str]], taken: Iterable[Taken]) -> dict[str, int]:
    """What the receivers took against who was to be told of each alert: messages missed, pairs of alert and recipient
    told under two ids, and repeats of one id.
    """
    times = Counter(taken)
    ids = Counter((alert, to) for alert, to, _ in times)
    pairs = [(alert, to) for alert, recipients in wanted.items() for to in recipients]
    return {
        "alerts": len(wanted),
        "messages": len(pairs),
        "missed": sum(pair not in ids for pair in pairs),
        "doubled": sum(count > 1 for count in ids.values()),
        "repeats": sum(times.values()) - len(times),
    }
