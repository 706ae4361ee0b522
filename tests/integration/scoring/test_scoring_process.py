"""The process of scoring on the real broker: its pages, its exit codes, and `keycounty replay` beside it."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared import topics
from shared.settings import Settings
from tests.faults.scoring import traffic
from tests.faults.scoring.kafka import caught_up
from tests.faults.scoring.workers import Worker, Workers

pytestmark = [pytest.mark.integration]
KEYCOUNTY = Path(sys.executable).with_name("keycounty")
PACKAGED = Path(__file__).resolve().parents[3] / "shared" / "rulesets" / "data"


@pytest.fixture
async def workers(bus_settings: Settings, tmp_path: Path) -> AsyncIterator[Workers]:
    await topics.ensure(bus_settings)
    environment = {
        "KEYCOUNTY_KAFKA_BOOTSTRAP": bus_settings.kafka_bootstrap,
        "KEYCOUNTY_MONGO_URI": "mongodb://127.0.0.1:1",
        "KEYCOUNTY_TOPIC_PREFIX": bus_settings.topic_prefix,
        "KEYCOUNTY_TOPIC_PARTITIONS": "3",
        "KEYCOUNTY_TOPIC_REPLICATION": "1",
    }
    made = Workers(environment, tmp_path)
    yield made
    made.end()


@pytest.fixture
async def worker(workers: Workers) -> Worker:
    return await workers.started()


async def folded(settings: Settings, units: int = 2) -> None:
    """A synthetic log is on the source topic and folded."""
    events = traffic.log(5, units=units, enterprises=3)
    topic = settings.topic_prefix + "inspections.v1"
    await traffic.send(settings.kafka_bootstrap, topic, iter(events), 2000)
    assert await caught_up(settings.kafka_bootstrap, settings.topic_prefix, 30) == []


def get(worker: Worker, path: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}{path}", timeout=5) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read()


def replay(workers: Workers, *options: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [str(KEYCOUNTY), "replay", "--json", *options],
        env={**os.environ, **workers.settings},
        capture_output=True,
        check=False,
    )
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


async def test_the_process_answers_health_metrics_and_its_description(worker: Worker) -> None:
    status, _, body = await asyncio.to_thread(get, worker, "/health/ready")
    assert (status, json.loads(body)["status"]) == (200, "ready")
    status, _, body = await asyncio.to_thread(get, worker, "/health/live")
    assert (status, json.loads(body)) == (200, {"status": "live"})
    status, kind, body = await asyncio.to_thread(get, worker, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert b"keycounty_scoring_folded 0.0" in body
    _, _, body = await asyncio.to_thread(get, worker, "/openapi.json")
    assert {"/health/live", "/health/ready", "/metrics", "/openapi.json"} == set(json.loads(body)["paths"])


async def test_sigterm_exits_with_0_within_five_seconds(workers: Workers, worker: Worker) -> None:
    await workers.terminate(worker)
    assert workers.complaints == []


async def test_a_log_line_is_one_json_object_that_names_the_service(workers: Workers, worker: Worker) -> None:
    await workers.terminate(worker)
    lines = [line for line in worker.log.read_text().splitlines() if line.startswith("{")]
    assert {json.loads(line)["service"] for line in lines} == {"scoring"}


async def test_replay_finds_the_live_state_of_every_unit_the_same(
    workers: Workers, worker: Worker, bus_settings: Settings
) -> None:
    await folded(bus_settings)
    code, report = await asyncio.to_thread(replay, workers)
    assert (code, report["same"]) == (0, True)
    assert [unit["hash"] == unit["live_hash"] for unit in report["units"]] == [True, True]


async def test_replay_names_a_unit_whose_live_state_was_tampered_with(
    workers: Workers, worker: Worker, bus_settings: Settings
) -> None:
    await folded(bus_settings)
    await workers.terminate(worker)
    await tamper(bus_settings)
    code, report = await asyncio.to_thread(replay, workers)
    assert (code, report["same"]) == (1, False)
    assert sum(unit["hash"] != unit["live_hash"] for unit in report["units"]) == 1


async def test_replay_until_an_early_time_gives_another_state_and_compares_nothing(
    workers: Workers, worker: Worker, bus_settings: Settings
) -> None:
    await folded(bus_settings, units=1)
    _, whole = await asyncio.to_thread(replay, workers)
    code, early = await asyncio.to_thread(replay, workers, "--until", "2023-03-01T00:00:00")
    assert code == 0
    assert early["units"][0]["live_hash"] is None
    assert early["units"][0]["hash"] != whole["units"][0]["hash"]


async def test_replay_with_draft_rules_names_the_units_whose_colour_or_alerts_would_differ(
    workers: Workers, worker: Worker, bus_settings: Settings, tmp_path: Path
) -> None:
    await folded(bus_settings)
    (index,) = PACKAGED.glob("county_index.toml")
    same = await asyncio.to_thread(replay, workers, "--rules", str(index))
    assert same[1]["differences"] == []
    draft = tmp_path / index.name
    draft.write_text(severe(index.read_text(encoding="utf-8")), encoding="utf-8")
    code, report = await asyncio.to_thread(replay, workers, "--rules", str(draft))
    assert code == 0
    assert report["differences"]
    assert {unit["draft_colour"] for unit in report["differences"]} == {"red"}


def severe(rules: str) -> str:
    """Bands in which nobody is better than red."""
    import re

    return re.sub(r"(?m)^(blue|yellow|orange)\s*=\s*[\d.]+", lambda m: f"{m[1]} = {DRAFT_BANDS[m[1]]}", rules)


DRAFT_BANDS = {"blue": "99.99", "yellow": "99.98", "orange": "99.97"}


async def tamper(settings: Settings) -> None:
    """Writes a finding's row away, behind the worker's back."""
    from tests.faults.scoring.kafka import read

    topic = settings.topic_prefix + "scoring-state.v1"
    row = next(r for r in await read(settings.kafka_bootstrap, topic) if b"|enterprise|" in (r.key or b""))
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, None, key=row.key, partition=row.partition)
    await producer.stop()
