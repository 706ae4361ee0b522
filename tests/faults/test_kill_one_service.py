"""kill -9 of any one part of the running system under load, and its restart: nothing is lost, nothing counts twice."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.system import County, System, eventually, results, running

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(300)]

ENTERPRISES = 24
PARTS = ("intake", "scoring", "notify", "reporting", "mongo", "kafka")


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(tmp_path_factory.mktemp("faults") / "data", "--max-deaths", "20") as system:
        yield County(system).register(enterprises=ENTERPRISES * len(PARTS))


class Load:
    """Posts one inspection with one major finding for each enterprise, again and again until it is accepted."""

    def __init__(self, county: County, enterprises: list[str]) -> None:
        self.county = county
        self.enterprises = enterprises
        self.findings: dict[str, str] = {}
        self.under_way = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        for enterprise in self.enterprises:
            body = self.county.inspection(enterprise, results=results("5"))
            answer = eventually(lambda body=body, enterprise=enterprise: self._post(enterprise, body), 60, "a 201")
            self.findings[enterprise] = answer["findings"][0]["finding_id"]
            if len(self.findings) >= 3:
                self.under_way.set()

    def _post(self, enterprise: str, body: Any) -> Any:
        try:
            answer = self.county.system.submit("/v1/inspections", enterprise, body)
        except OSError:
            return None  # killed: the same idempotency key goes out again
        assert answer.status in (201, 503), answer.body
        return answer.json if answer.status == 201 else None


@pytest.mark.parametrize("place", range(len(PARTS)), ids=PARTS)
def test_killing_one_part_under_load_loses_nothing_and_doubles_nothing(county: County, place: int) -> None:
    system, part = county.system, PARTS[place]
    load = Load(county, county.enterprises[place * ENTERPRISES : (place + 1) * ENTERPRISES])
    load.thread.start()
    assert load.under_way.wait(60)
    before = system.run["pids"][part]
    system.kill(part)
    eventually(lambda: system.run["pids"][part] != before, 30, f"{part} started again")
    load.thread.join(120)
    assert len(load.findings) == ENTERPRISES, "every submission was accepted in the end"
    eventually(lambda: complete(system), 90, "nothing missing")
    eventually(lambda: told(system, load.findings), 60, "every finding's alert reached the county")
    assert_once(system, load.findings)


def complete(system: System) -> bool:
    try:
        answer = system.call("GET", "reporting", "/v1/completeness", "national")
    except OSError:
        return False  # killed, and not back yet
    if answer.status != 200:
        return False
    found = answer.json
    return bool(found["missing"] == 0 and found["accepted"] == found["scored"] == found["projected"] > 0)


def told(system: System, findings: dict[str, str]) -> bool:
    reached = {one["data"]["facts"].get("finding_id") for one in system.inbox.webhooks("county-linzi")}
    return set(findings.values()) <= reached


def assert_once(system: System, findings: dict[str, str]) -> None:
    """One alert per finding, and one effective message per contact: repeats carry the same message id."""
    alerts = all_alerts(system)
    per_finding = Counter(alert["facts"].get("finding_id") for alert in alerts)
    assert {per_finding[finding] for finding in findings.values()} == {1}
    opened = [
        (content["data"]["facts"].get("finding_id"), message_id)
        for channel, to, message_id, content in list(system.inbox.taken)
        if channel == "webhook" and to == "county-linzi" and content["type"] == "keycounty.alert.open"
    ]
    ids = Counter(finding for finding, _ in set(opened))
    assert {ids[finding] for finding in findings.values()} == {1}


def all_alerts(system: System) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        answer = system.ok(
            "GET", "notify", "/v1/alerts?limit=500" + (f"&cursor={cursor}" if cursor else ""), "national"
        )
        found += answer["items"]
        cursor = answer["next_cursor"]
        if not cursor:
            return found


def test_a_broker_that_is_down_does_not_stop_intake(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--max-deaths", "20") as system:
        county = County(system).register(enterprises=2)
        enterprise = county.enterprises[0]
        stop = threading.Event()
        killer = threading.Thread(target=keep_killing, args=(system, stop))
        killer.start()
        try:
            eventually(lambda: system.call("GET", "intake", "/health/live").status == 200, 10, "intake lives")
            answer = system.submit("/v1/inspections", enterprise, county.inspection(enterprise, results=results("5")))
            assert answer.status == 201, answer.body
            assert answer.json["status"] == "queued"
            again = county.inspection(enterprise, results=results("6"), supersedes_reason="corrected")
            assert system.submit("/v1/inspections", enterprise, again).json["seq"] == 2
        finally:
            stop.set()
            killer.join()
        eventually(lambda: complete(system), 90, "published once the broker is back")


def keep_killing(system: System, stop: threading.Event) -> None:
    """Keeps the broker down: each new process is killed as soon as the run file names it."""
    while not stop.is_set():
        system.kill("kafka")
        time.sleep(0.05)


def test_a_second_start_on_the_same_directory_resumes(tmp_path: Path) -> None:
    with running(tmp_path / "data") as system:
        county = County(system).register(enterprises=1)
        enterprise = county.enterprises[0]
        receipt = system.submit("/v1/inspections", enterprise, county.inspection(enterprise), "resumed").json["receipt"]
        assert system.stop() == 0
        system.start()
        again = system.submit("/v1/inspections", enterprise, county.inspection(enterprise), "resumed")
        assert again.json["receipt"] == receipt
        eventually(lambda: complete(system), 60, "nothing missing after the restart")
