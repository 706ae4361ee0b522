"""Logs carry the correlation id and no password, metrics must be declared, sealed values open only with their key."""

import base64
import json
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.errors import Rejected
from shared.health import Health
from shared.secrets import read_key, seal, unseal
from shared.settings import Settings
from shared.telemetry import Metrics, Undeclared, bound, configure_logging, correlation_id, current_traceparent, log
from shared.topics import TOPICS
from tests.builders import park_assessed

KEY = bytes(range(32))
SETTINGS = Settings(kafka_bootstrap="b", mongo_uri="mongodb://x", topic_partitions=12, topic_replication=3)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("logging_as_before")
def test_a_log_line_is_json_with_service_and_correlation_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("intake", SETTINGS)
    event = park_assessed()
    with bound(event):
        log("outbox").info("published", count=3)
    log("outbox").info("idle")
    first, second = lines(capsys)
    assert (first["event"], first["service"], first["logger"], first["level"]) == (
        "published",
        "intake",
        "outbox",
        "info",
    )
    assert first["correlation_id"] == event.correlation_id
    assert first["count"] == 3
    assert first["timestamp"].endswith("Z")
    assert "correlation_id" not in second


@pytest.mark.usefixtures("logging_as_before")
def test_a_librarys_lines_are_json_too_and_exceptions_are_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("notify", SETTINGS)
    logging.getLogger("some.library").warning("careful with %s", "this")
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        log("x").exception("failed")
    library, own = lines(capsys)
    assert (library["event"], library["logger"]) == ("careful with this", "some.library")
    assert "RuntimeError: broken" in own["exception"]


@pytest.mark.usefixtures("logging_as_before")
def test_no_password_reaches_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("notify", SETTINGS)
    log("x").info("connecting", to="mongodb://somebody:pa55@host/db", smtp=SecretStr("pa55"))
    logging.getLogger("library").warning("lost smtp://somebody:pa55@mail:25")
    text = capsys.readouterr().out
    assert "pa55" not in text
    assert "mongodb://***@host/db" in text


@pytest.mark.usefixtures("logging_as_before")
def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("notify", SETTINGS.model_copy(update={"log_level": "WARNING"}))
    log("x").info("quiet")
    log("x").warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_the_correlation_id_ends_with_the_event() -> None:
    event = park_assessed()
    with bound(event):
        assert correlation_id.get() == event.correlation_id
        assert current_traceparent() == event.traceparent
    assert correlation_id.get() is None


def test_a_metric_nobody_declared_cannot_be_used() -> None:
    metrics = Metrics()
    with pytest.raises(Undeclared, match="keycounty_surprise"):
        metrics["keycounty_surprise"]
    metrics.counter("keycounty_surprise", "No more.")
    metrics["keycounty_surprise"].inc()


def test_a_metric_declared_twice_is_one_and_declared_otherwise_is_refused() -> None:
    metrics = Metrics()
    first = metrics.counter("keycounty_sent_total", "Sent.", ("channel",))
    assert metrics.counter("keycounty_sent_total", "Sent.", ("channel",)) is first
    with pytest.raises(ValueError, match="differently"):
        metrics.gauge("keycounty_sent_total", "Sent.", ("channel",))
    with pytest.raises(ValueError, match="differently"):
        metrics.counter("keycounty_sent_total", "Sent.", ())


def test_metrics_are_rendered_as_prometheus_reads_them() -> None:
    metrics = Metrics()
    metrics.counter("keycounty_sent_total", "Sent.", ("channel",)).labels("email").inc(2)
    metrics.histogram("keycounty_seconds", "Time.", buckets=(1, 2)).observe(1.5)
    text = metrics.render().decode()
    assert 'keycounty_sent_total{channel="email"} 2.0' in text
    assert 'keycounty_seconds_bucket{le="2.0"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_two_services_in_one_process_have_metrics_of_their_own() -> None:
    one, other = Metrics(), Metrics()
    one.gauge("keycounty_g", "G.").set(1)
    assert b"keycounty_g " not in other.render()


async def test_health_tells_what_is_wrong_and_what_is_well() -> None:
    async def well() -> None:
        return None

    async def ill() -> str:
        return "no answer from the store"

    async def broken() -> str:
        raise RuntimeError("check failed")

    async def hanging() -> str:
        import asyncio

        await asyncio.Event().wait()
        return ""

    health = Health(timeout_s=0.05)
    for name, check in (("a", well), ("b", ill), ("c", broken), ("d", hanging)):
        health.add(name, check)
    assert await health.report() == {
        "a": None,
        "b": "no answer from the store",
        "c": "check failed",
        "d": "no answer in 0.05 s",
    }
    with pytest.raises(ValueError, match="already"):
        health.add("a", well)


@given(st.text(), st.binary(min_size=32, max_size=32))
def test_what_is_sealed_opens_with_its_key_alone(plain: str, key: bytes) -> None:
    sealed = seal(key, plain)
    assert unseal(key, sealed) == plain
    other = bytes([key[0] ^ 1]) + key[1:]
    with pytest.raises(Rejected, match="unsealable"):
        unseal(other, sealed)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_sealed_value_that_was_changed_does_not_open(at: int, flip: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(seal(KEY, "duty@example.org").removeprefix("v1:")))
    raw[at % len(raw)] ^= flip
    with pytest.raises(Rejected):
        unseal(KEY, "v1:" + base64.urlsafe_b64encode(bytes(raw)).decode())


@pytest.mark.parametrize("rubbish", ["", "v1:", "v2:AAAA", "v1:!!", "duty@example.org", "v1:é"])
def test_what_was_never_sealed_does_not_open(rubbish: str) -> None:
    with pytest.raises(Rejected):
        unseal(KEY, rubbish)


def test_sealing_twice_shows_nothing_alike() -> None:
    assert seal(KEY, "same") != seal(KEY, "same")
    assert "same" not in seal(KEY, "same")


def test_a_key_file_holds_32_bytes_in_base64(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = os.urandom(32)
    path.write_bytes(base64.b64encode(key) + b"\n")
    assert read_key(path) == key
    for wrong in (b"", b"not base64!", base64.b64encode(b"short")):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="32 random bytes"):
            read_key(path)


def test_topics_that_hold_the_record_are_kept_for_ever_and_state_is_compacted() -> None:
    by_name = {topic.name: topic.config_in(SETTINGS) for topic in TOPICS}
    for name in ("inspections.v1", "risk.v1", "hazards.v1", "alerts.v1", "dead-letters.v1"):
        assert by_name[name]["retention.ms"] == "-1"
        assert by_name[name]["cleanup.policy"] == "delete"
    for name in ("registry.v1", "scoring-state.v1"):
        assert by_name[name]["cleanup.policy"] == "compact"
    assert {config["min.insync.replicas"] for config in by_name.values()} == {"2"}


def test_the_scorers_rows_are_partitioned_as_its_input() -> None:
    partitions = {topic.name: topic.partitions_in(SETTINGS) for topic in TOPICS}
    assert partitions["scoring-state.v1"] == partitions["inspections.v1"] == 12
