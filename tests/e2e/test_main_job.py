"""The main job on the real broker and store: a POST, the risk, the message, the acknowledgement, the evaluation."""

import json
import re
import urllib.parse
import urllib.request
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.system import County, System, call, eventually, results, run_async

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def risk_of(county: County) -> Any:
    answer = county.system.call("GET", "reporting", f"/v1/units/{county.unit}/risk", "national")
    return answer.json if answer.status == 200 else None


def alert_about(system: System, finding_id: str) -> Any:
    listed = system.ok("GET", "notify", "/v1/alerts?limit=500", "county")["items"]
    found = next((alert for alert in listed if alert["facts"].get("finding_id") == finding_id), None)
    return found and system.ok("GET", "notify", f"/v1/alerts/{found['id']}", "county")


def test_a_major_finding_reaches_the_duty_officer_who_acknowledges_it(county: County) -> None:
    system, enterprise = county.system, county.enterprises[0]
    body = county.inspection(enterprise, results=results("5"))
    answer = system.submit("/v1/inspections", enterprise, body, X_Correlation_Id="e2e-main-job")
    assert answer.status == 201, answer.body
    assert answer.headers["x-correlation-id"] == "e2e-main-job"
    finding = answer.json["findings"][0]["finding_id"]

    hooks = eventually(
        lambda: [
            one for one in system.inbox.webhooks("county-linzi") if one["data"]["facts"].get("finding_id") == finding
        ],
        what="the webhook at the county",
    )
    assert hooks[0]["type"] == "keycounty.alert.open"
    assert hooks[0]["data"]["severity"] == "severe"
    mail = eventually(
        lambda: [text for text in system.inbox.mails("county-linzi@keycounty.example") if "/ack/" in text],
        what="the mail",
    )
    assert "临淄区" in mail[0] or "linzi" in mail[0].lower()

    alert = alert_about(system, finding)
    assert alert["state"] == "open"
    acknowledged = system.ok(
        "POST", "notify", f"/v1/alerts/{alert['id']}/ack", "county", {"note": "on it", "promise_by": None}
    )
    assert acknowledged["state"] == "acknowledged"
    assert acknowledged["promise_by"] is not None
    history = json.dumps(alert_about(system, finding)["history"])
    assert "county-linzi-hook" in history
    assert "county-linzi-mail" in history
    risk = eventually(lambda: (found := risk_of(county)) and found["components"] and found, what="the county's risk")
    assert risk["round_id"] == "2023-1"


def test_an_alert_can_be_acknowledged_from_the_mail_and_only_by_a_post(county: County) -> None:
    system, enterprise = county.system, county.enterprises[1]
    answer = system.submit("/v1/inspections", enterprise, county.inspection(enterprise, results=results("7")))
    finding = answer.json["findings"][0]["finding_id"]
    alert = eventually(lambda: alert_about(system, finding), what="the alert")

    def link() -> str | None:
        for text in system.inbox.mails("county-linzi@keycounty.example"):
            if alert["id"] in text and (found := re.search(r"https?://\S+/ack/\S+", text)):
                return found.group()
        return None

    url = eventually(link, what="a mail that names the alert and its link")
    page = call("GET", url)
    assert page.status == 200
    assert "<form" in page.body.decode()
    assert alert_about(system, finding)["state"] == "open", "a mail scanner that opens the link must not acknowledge"
    form = urllib.parse.urlencode({"note": "from the mail"}).encode()
    done = call("POST", url, body=form, Content_Type="application/x-www-form-urlencoded")
    assert done.status in (200, 303)
    assert alert_about(system, finding)["state"] == "acknowledged"


def test_the_correlation_id_of_the_post_is_on_the_alert(county: County) -> None:
    system, enterprise = county.system, county.enterprises[2]
    body = county.inspection(enterprise, results=results("9"))
    finding = system.submit("/v1/inspections", enterprise, body, X_Correlation_Id="from-post-to-alert").json[
        "findings"
    ][0]["finding_id"]
    eventually(lambda: alert_about(system, finding), what="the alert")

    def opened() -> list[Any]:
        records = run_async(read_topic(system.run["kafka"], "keycounty.alerts.v1"))
        return [headers for headers, value in records if headers.get("ce_correlationid") == b"from-post-to-alert"]

    assert eventually(opened, what="alerts.v1 with the correlation id")


def test_the_worked_figures_hold_through_the_api(county: County) -> None:
    def assess(substances: list[Any], people: int) -> Any:
        body = {"kind": "storage", "exposed_population": people, "substances": substances}
        return county.system.ok("POST", "intake", "/v1/hazard-units/assess", county.enterprises[0], body)

    mixed = assess([{"seq": 12, "quantity_t": 5.0}, {"seq": 1, "quantity_t": 5.0}], 60)
    assert (mixed["s"], mixed["r"], mixed["level"]) == (pytest.approx(1.5), pytest.approx(7.5), 4)
    chlorine = assess([{"seq": 12, "quantity_t": 250.0}], 100)
    assert (chlorine["r"], chlorine["level"]) == (pytest.approx(400), 1)
    assert assess([{"seq": 12, "quantity_t": 1.0}], 0)["level"] is None


def test_a_deduction_over_an_items_points_takes_it_to_zero_and_no_lower(county: County) -> None:
    system, enterprise = county.system, county.enterprises[3]
    grading = {"deductions": {"1.1": 25, "4.1": 5}, "bonuses": {}, "direct_red": []}
    answer = system.submit("/v1/inspections", enterprise, county.inspection(enterprise, grading=grading))
    assert answer.status == 201, answer.body

    def grade() -> Any:
        found = system.call("GET", "reporting", f"/v1/enterprises/{enterprise}", "national")
        return found.json.get("grade") if found.status == 200 else None

    assert eventually(grade, what="the grade")["score"] == pytest.approx(85)


def test_an_evaluation_can_be_frozen_and_read(county: County) -> None:
    system = county.system

    def freeze() -> Any:
        answer = system.call(
            "POST", "reporting", "/v1/evaluations", "expert", {"round_id": "2023-1", "unit_id": county.unit}
        )
        assert answer.status in (201, 503), answer.body
        return answer.json if answer.status == 201 else None

    frozen = eventually(freeze, what="the evaluation")
    read = system.ok("GET", "reporting", f"/v1/evaluations/{frozen['evaluation_id']}", "county")
    assert read["sha256"] == frozen["sha256"]
    assert read["unit_id"] == county.unit


def test_completeness_says_that_nothing_is_missing(county: County) -> None:
    def complete() -> bool:
        found = county.system.ok("GET", "reporting", "/v1/completeness", "national")
        return found["missing"] == 0 and found["accepted"] == found["scored"] == found["projected"] > 0

    assert eventually(complete, 40, "completeness")


def test_bytes_that_are_no_event_go_to_the_dead_letters_and_the_rest_goes_on(county: County) -> None:
    system, enterprise = county.system, county.enterprises[4]
    run_async(write(system.run["kafka"], "keycounty.inspections.v1", b"linzi", b"\xff\x00 this is no event"))
    answer = system.submit("/v1/inspections", enterprise, county.inspection(enterprise, results=results("12")))
    finding = answer.json["findings"][0]["finding_id"]
    eventually(lambda: alert_about(system, finding), what="the alert behind the bad bytes")
    records = eventually(
        lambda: run_async(read_topic(system.run["kafka"], "keycounty.dead-letters.v1")), what="the dead letter"
    )
    kept = [headers for headers, value in records if value == b"\xff\x00 this is no event"]
    assert {headers["kc_service"] for headers in kept} >= {b"scoring"}
    assert all(headers["kc_reason"] == b"not_an_event" and headers["kc_source"] for headers in kept)


@pytest.mark.parametrize(("path", "heading"), [("/?lang=en", "Overview"), ("/units/linzi?lang=zh-CN", "临淄区")])
def test_a_person_can_read_the_overview_and_the_unit(county: County, path: str, heading: str) -> None:
    url = county.system.run["services"]["reporting"]
    page = call("GET", url + path, county.system.keys["national"], Accept="text/html")
    assert page.status == 200
    assert heading in page.body.decode()
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def read_topic(bootstrap: str, topic: str) -> list[tuple[dict[str, bytes], bytes | None]]:
    """(headers, value) of every record of a topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in await _partitions(consumer, topic)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[tuple[dict[str, bytes], bytes | None]] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [(dict(record.headers), record.value) for record in records]
        return found
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    await consumer._client.force_metadata_update()
    return sorted(consumer.partitions_for_topic(topic) or ())


async def write(bootstrap: str, topic: str, key: bytes, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key)
    finally:
        await producer.stop()
