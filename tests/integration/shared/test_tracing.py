"""With an OTLP endpoint a handled event becomes a span of its sender's trace; in a process of its own, because
OpenTelemetry's provider is one per process.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.builders import park_assessed
from tests.collector import Sent, collecting

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PROGRAM = """
import sys
from dataclasses import replace
from opentelemetry import trace
from shared.settings import Settings
from shared.telemetry import bound, configure_tracing, current_traceparent
from tests.builders import park_assessed
settings = Settings(kafka_bootstrap="b", mongo_uri="mongodb://x", otel_exporter_otlp_endpoint=sys.argv[1])
configure_tracing("scoring", settings)
with bound(replace(park_assessed(), traceparent=sys.argv[2])):
    print(current_traceparent())
trace.get_tracer_provider().shutdown()
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Sent]]]:
    with collecting() as found:
        yield found


def test_a_handled_event_continues_its_senders_trace(collector: tuple[str, list[Sent]]) -> None:
    address, received = collector
    parent = f"00-{TRACE}-00f067aa0ba902b7-01"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, address, parent], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    # Handed on: the same trace, a new parent.
    assert done.stdout.startswith(f"00-{TRACE}-")
    assert parent not in done.stdout
    paths, bodies = zip(*received, strict=True)
    assert set(paths) == {"/v1/traces"}
    spans = b"".join(bodies)
    event = replace(park_assessed(), traceparent=parent)
    assert bytes.fromhex(TRACE) in spans
    assert f"handle {event.type}".encode() in spans
    assert b"keycounty-scoring" in spans


REQUEST = """
import asyncio, sys
import httpx
from fastapi import APIRouter
from opentelemetry import trace
from shared.health import Health
from shared.http.app import create_app
from shared.settings import Settings
from shared.telemetry import Metrics, configure_tracing, current_traceparent
settings = Settings(kafka_bootstrap="b", mongo_uri="mongodb://x", otel_exporter_otlp_endpoint=sys.argv[1])
configure_tracing("intake", settings)
router = APIRouter()
router.get("/v1/trace")(current_traceparent)
app = create_app(service="intake", title="T", health=Health(), metrics=Metrics(), auth=None, routers=[router])
async def ask(headers):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        return (await client.get("/v1/trace", headers=headers)).json()
print(asyncio.run(ask({"traceparent": sys.argv[2]})), asyncio.run(ask({})))
trace.get_tracer_provider().shutdown()
"""


def test_a_request_is_a_span_of_its_callers_trace_or_begins_one(collector: tuple[str, list[Sent]]) -> None:
    address, received = collector
    parent = f"00-{TRACE}-00f067aa0ba902b7-01"
    done = subprocess.run(
        [sys.executable, "-c", REQUEST, address, parent], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    continued, begun = done.stdout.splitlines()[-1].split()
    assert continued.startswith(f"00-{TRACE}-")
    assert continued != parent
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]", begun)
    assert TRACE not in begun
    spans = b"".join(body for _, body in received)
    assert b"http GET" in spans
    assert b"keycounty-intake" in spans


def test_without_an_endpoint_opentelemetrys_sdk_is_not_even_loaded() -> None:
    program = PROGRAM.replace("from opentelemetry import trace\n", "").replace(
        "trace.get_tracer_provider().shutdown()", "print('opentelemetry.sdk.trace' in sys.modules)"
    )
    program = program.replace(", otel_exporter_otlp_endpoint=sys.argv[1]", "")
    parent = f"00-{TRACE}-00f067aa0ba902b7-01"
    done = subprocess.run(
        [sys.executable, "-c", program, "", parent], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split() == [parent, "False"], done.stderr
