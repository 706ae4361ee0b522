"""`keycounty up` with the real services: replicas, one trace from POST to message, a clean stop, a second start, and
nothing written elsewhere.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.collector import Sent, collecting
from tests.system import ROUND, County, System, call, eventually, results, running

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def collector() -> Iterator[tuple[str, list[Sent]]]:
    with collecting() as found:
        yield found


def senders(spans: list[Sent], trace: str) -> set[str]:
    """The services that sent a span of the trace."""
    bodies = [body for _, body in list(spans) if bytes.fromhex(trace) in body]
    names = ("intake", "scoring", "notify", "reporting")
    return {name for name in names for body in bodies if f"keycounty-{name}".encode() in body}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home and the folder for temporary files of the whole runtime."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    return folder


@pytest.fixture(scope="module")
def county(
    tmp_path_factory: pytest.TempPathFactory, elsewhere: Path, collector: tuple[str, list[Sent]]
) -> Iterator[County]:
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    environment = {"HOME": str(elsewhere / "home"), "TMPDIR": str(elsewhere / "tmp"), "XDG_CACHE_HOME": cache}
    endpoint = {"KEYCOUNTY_OTEL_EXPORTER_OTLP_ENDPOINT": collector[0]}
    data_dir = tmp_path_factory.mktemp("up") / "data"
    with running(data_dir, "--replicas", "notify=2,intake=2", **environment, **endpoint) as system:
        yield County(system).register(enterprises=2)


def parts(system: System) -> list[psutil.Process]:
    return [psutil.Process(pid) for pids in system.run["pids"].values() for pid in pids]


def test_replicas_have_ports_of_their_own_and_answer_alike(county: County) -> None:
    run = county.system.run
    assert {name: len(pids) for name, pids in run["pids"].items()} == {
        "kafka": 1, "mongo": 1, "intake": 2, "scoring": 1, "notify": 2, "reporting": 1,
    }  # fmt: skip
    first, second = county.system.replicas("intake")
    assert first == run["services"]["intake"]
    path, key = f"/v1/registry/units/{county.unit}", county.system.keys["national"]
    assert call("GET", first + path, key).json == call("GET", second + path, key).json


def test_one_trace_leads_from_the_post_to_the_message(county: County, collector: tuple[str, list[Sent]]) -> None:
    enterprise = county.enterprises[0]
    body = county.inspection(enterprise, results=results("5"))
    answer = county.system.submit("/v1/inspections", enterprise, body, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    assert answer.status == 201, answer.body
    eventually(lambda: county.system.inbox.webhooks(f"county-{county.unit}"), what="the message")
    eventually(lambda: {"intake", "notify"} <= senders(collector[1], TRACE), what="spans of the same trace")


def test_a_stop_is_clean_and_a_second_start_goes_on(county: County, elsewhere: Path) -> None:
    system, enterprise = county.system, county.enterprises[0]
    evaluated = {"round_id": ROUND, "unit_id": county.unit}
    frozen = eventually(lambda: _created(system, evaluated), 30, "an evaluation")
    pdf = system.call("GET", "reporting", f"/v1/evaluations/{frozen}.pdf", "national").body
    before = system.ok("GET", "intake", f"/v1/receipts/{enterprise}", enterprise)
    ours, began = parts(system), time.monotonic()
    assert system.stop() == 0
    assert time.monotonic() - began < 15
    assert not [process for process in ours if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert not (system.data_dir / "run.json").exists(), "it would name pids that are others' by now"
    system.start()
    assert system.ok("GET", "intake", f"/v1/receipts/{enterprise}", enterprise) == before
    assert system.call("GET", "reporting", f"/v1/evaluations/{frozen}.pdf", "national").body == pdf
    again = system.submit("/v1/inspections", enterprise, county.inspection(enterprise, results=results("5")))
    assert again.json["receipt"] == before["items"][0]
    written = [path for path in elsewhere.rglob("*") if path.is_file() or path.is_symlink()]
    assert written == [], "nothing is written outside the data directory and the package cache"


def _created(system: System, body: object) -> str | None:
    answer = system.call("POST", "reporting", "/v1/evaluations", "national", body)
    return str(answer.json["evaluation_id"]) if answer.status == 201 else None
