"""The service as wired, on the real broker and store: a whole round goes in as events, answers and pages come out."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from services.reporting.freezing import genuine
from services.reporting.projections import project
from services.reporting.settings import ReportingSettings
from services.reporting.wiring import build
from shared.bus import record_of
from shared.events.base import Submitted
from shared.events.risk import UnitAssessed
from shared.kafka_bus import KafkaPublisher
from tests.unit.reporting.folded import Folded, folded
from tests.unit.reporting.registered import ADMIN, KEYS, as_event, puts

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
Until = Callable[..., Awaitable[None]]


@pytest.fixture
async def publisher(reporting_settings: ReportingSettings) -> AsyncIterator[KafkaPublisher]:
    found = KafkaPublisher(reporting_settings)
    await found.start()
    yield found
    await found.stop()


async def publish(
    publisher: KafkaPublisher, world: Folded, topics: tuple[str, ...] = ("inspections.v1", "risk.v1", "hazards.v1")
) -> None:
    await publisher.publish(
        [
            replace(record_of(event), partition=where.partition)
            for where, event in world.deliveries
            if where.topic in topics
        ]
    )


@pytest.fixture
async def service(reporting_settings: ReportingSettings) -> AsyncIterator[str]:
    """The running service's address."""
    found = build(reporting_settings)
    tasks = [asyncio.create_task(part.run()) for part in found.parts]
    yield f"http://127.0.0.1:{reporting_settings.port}"
    for part in found.parts[::-1]:
        await part.stop()
    await asyncio.wait_for(asyncio.gather(*tasks), 20)


def client(service: str, role: str) -> httpx.AsyncClient:
    key = ADMIN if role == "admin" else KEYS[role]
    return httpx.AsyncClient(base_url=service, headers={"authorization": f"Bearer {key}"}, timeout=20)


async def test_a_round_of_events_becomes_answers_pages_and_a_frozen_evaluation(
    service: str, publisher: KafkaPublisher, until: Until
) -> None:
    world = folded(units=3, enterprises=5)
    sent = sum(isinstance(event.data, Submitted) for _, event in world.deliveries)
    owned = {
        (event.data.enterprise_id, event.key)
        for _, event in world.deliveries
        if hasattr(event.data, "enterprise_id") and event.data.enterprise_id
    }
    await publisher.publish([record_of(as_event(put)) for put in puts(owned, sent)])
    await publish(publisher, world)

    async with (
        client(service, "admin") as admin,
        client(service, "national") as national,
        client(service, "county") as county,
    ):

        async def complete() -> bool:
            answer = await admin.get("/v1/completeness")
            return answer.status_code == 200 and (answer.json()["projected"], answer.json()["missing"]) == (sent, 0)

        await until(complete, "all submissions to be projected", timeout_s=60)
        found = (await admin.get("/v1/completeness")).json()
        assert found == {"accepted": sent, "scored": sent, "projected": sent, "missing": 0, "by_enterprise": []}

        await until(lambda: _stands_at_the_end(national, world), "the units' last risk")
        risk = (await county.get("/v1/units/unit-01/risk")).json()
        assert set(risk) >= {
            "unit_id",
            "round_id",
            "index",
            "colour",
            "provisional",
            "components",
            "vetoes",
            "rule_sets",
            "log_position",
            "as_of",
        }
        explained = (await county.get("/v1/units/unit-01/risk/explain")).json()
        assert all(component["clause"] for component in explained["components"])
        assert (await county.get("/v1/units/unit-02/risk")).status_code == 404

        frozen = await national.post("/v1/evaluations", json={"round_id": risk["round_id"], "unit_id": "unit-01"})
        assert frozen.status_code == 201, frozen.text
        content = frozen.json()
        assert genuine(content)
        assert content["index"] == risk["index"]
        read = await county.get(f"/v1/evaluations/{content['evaluation_id']}")
        assert read.content == frozen.content
        nation = await national.post("/v1/evaluations", json={"round_id": risk["round_id"], "unit_id": None})
        assert nation.json()["units"] == 3
        assert (await county.get(f"/v1/evaluations/{nation.json()['evaluation_id']}")).status_code == 404

        for path in ("/", "/units/unit-01"):
            page = await county.get(path, headers={"accept": "text/html"})
            assert page.status_code == 200
            assert "own choice" in page.text or "自行设定" in page.text


async def _stands_at_the_end(reader: httpx.AsyncClient, world: Folded) -> bool:
    """Whether each unit's risk is the last that the log says of it; submissions may be there before it."""
    last = {event.key: event.data.log_position for _, event in world.deliveries if isinstance(event.data, UnitAssessed)}
    answers = {unit: await reader.get(f"/v1/units/{unit}/risk") for unit in last}
    return all(
        answer.status_code == 200 and answer.json()["log_position"] == last[unit].model_dump()
        for unit, answer in answers.items()
    )


async def test_a_rebuild_beside_the_live_read_models_gives_the_same_answers_and_is_switched_to(
    service: str, publisher: KafkaPublisher, until: Until
) -> None:
    world = folded(units=1, enterprises=2, partitions=1, rounds=1)
    sent = sum(isinstance(event.data, Submitted) for _, event in world.deliveries)
    await publisher.publish([record_of(as_event(put)) for put in puts([], sent)])
    await publish(publisher, world)
    async with client(service, "admin") as admin, client(service, "national") as national:

        async def whole() -> bool:
            answer = await admin.get("/v1/completeness")
            return answer.status_code == 200 and (answer.json()["projected"], answer.json()["missing"]) == (sent, 0)

        async def switched() -> bool:
            assert (await national.get("/v1/units/unit-00/risk")).status_code == 200
            return bool((await admin.get("/v1/rebuilds")).json()["live"] == 2)

        await until(whole, "all submissions", timeout_s=60)
        await until(lambda: _stands_at_the_end(national, world), "the unit's last risk", timeout_s=60)
        before = (await national.get("/v1/units/unit-00/risk/explain")).json()
        asked = await admin.post("/v1/rebuilds")
        assert (asked.status_code, asked.json()["building"]) == (202, 2)
        await until(switched, "the switch", timeout_s=90)
        await until(whole, "all submissions in the new generation", timeout_s=60)
        assert (await national.get("/v1/units/unit-00/risk/explain")).json() == before


async def test_an_evaluation_is_refused_while_scoring_has_not_caught_up(
    service: str, publisher: KafkaPublisher, until: Until
) -> None:
    world = folded(units=1, enterprises=2, partitions=1)
    await publisher.publish([record_of(as_event(put)) for put in puts([], 0)])
    await publish(publisher, world, ("inspections.v1",))
    async with client(service, "admin") as admin, client(service, "national") as national:

        async def seen() -> bool:
            answer = await admin.get("/v1/completeness")
            return answer.status_code == 200 and answer.json()["projected"] > 0

        await until(seen, "the submissions")
        answer = await national.post("/v1/evaluations", json={"round_id": "2023-1", "unit_id": "unit-00"})
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1


async def test_a_stream_that_breaks_off_gets_exactly_what_was_published_meanwhile(
    service: str, publisher: KafkaPublisher, until: Until
) -> None:
    world = folded(units=2, enterprises=3, rounds=1)
    half = len(world.deliveries) // 2
    first, second = (replace(world, deliveries=part) for part in (world.deliveries[:half], world.deliveries[half:]))
    await publisher.publish([record_of(as_event(put)) for put in puts([], 0)])
    async with client(service, "national") as national:
        await until(lambda: _signed_in(national), "the key")
        start = (await _read(national, None, lambda events: True, hello=True))[0][0]
        await publish(publisher, first)
        got = await asyncio.wait_for(_read(national, start, lambda events: len(events) >= 20), 60)
        await publish(publisher, second)  # nobody is connected now
        expected = _told(world)
        count = sum(map(len, expected.values()))
        rest = await asyncio.wait_for(_read(national, got[-1][0], lambda events: len(events) >= count - len(got)), 90)
        # What is published last arrives after everything else of its partition, so nothing comes twice behind it.
        found: dict[tuple[str, bool], list[Any]] = {}
        for _, event in got + rest:
            name = (event["unit_id"], event["kind"] == "round")
            found.setdefault(name, []).append((event["kind"], event["about_id"], event["at"]))
        assert found == expected


def _told(world: Folded) -> dict[tuple[str, bool], list[Any]]:
    """What the stream has to say of a log: for each unit and source, in order."""
    found: dict[tuple[str, bool], list[Any]] = {}
    for where, event in world.deliveries:
        for write in project(event, where) if where.topic != "hazards.v1" else ():
            if write.collection == "changes":
                document = write.document
                name = (document["unit_id"], document["kind"] == "round")
                found.setdefault(name, []).append((document["kind"], document["about_id"], document["at"]))
    return found


async def _signed_in(national: httpx.AsyncClient) -> bool:
    return (await national.get("/v1/units")).status_code == 200


async def _read(
    reader: httpx.AsyncClient, last_id: str | None, enough: Callable[[list[Any]], bool], hello: bool = False
) -> list[Any]:
    events: list[Any] = []
    found: dict[str, str] = {}
    async with reader.stream("GET", "/v1/stream", headers={"last-event-id": last_id} if last_id else {}) as answer:
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name in ("id", "event", "data"):
                found[name] = value
            if name == "data" and (found.get("event") == "hello") == hello:
                events.append((found["id"], json.loads(value)))
                if enough(events):
                    break
    return events
