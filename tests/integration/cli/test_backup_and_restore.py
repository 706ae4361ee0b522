"""A backup taken from a running system whose broker is away, and brought back into a new data directory."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from deploy.backup.contents import PARTS, PASSING
from tests.system import KEYCOUNTY, County, Inbox, System, eventually, free_base, results

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3000


def keycounty(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(KEYCOUNTY), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@dataclass
class Before:
    """What the first system said before it was lost."""

    chains: dict[str, Any]
    alerts: dict[str, Any]
    deliveries: int
    evaluation: tuple[str, bytes]
    waiting: tuple[str, Any, Any]
    erased: tuple[str, Any]
    accepted: int
    evidence: str
    messages: int


@dataclass
class Tried:
    before: Before
    backup: Path
    after: County


def completeness(system: System) -> Any:
    return system.ok("GET", "reporting", "/v1/completeness", "national")


def alerts_of(system: System) -> dict[str, Any]:
    found = system.ok("GET", "notify", "/v1/alerts?limit=500", "county")["items"]
    return {alert["id"]: (alert["state"], alert["kind"], alert["subject"]) for alert in found}


def work(county: County) -> None:
    """Inspections with findings, a correction, a rectification, a park of evidence, an acknowledgement."""
    system, names = county.system, county.enterprises
    for at, enterprise in enumerate(names[:4]):
        body = county.inspection(enterprise, results=results(*("5", "9")[: at % 3]))
        assert system.submit("/v1/inspections", enterprise, body).status == 201
    corrected = county.inspection(names[1], results=results("7"), supersedes_reason="item 5 was mended")
    assert system.submit("/v1/inspections", names[1], corrected).status == 201
    county._put("enrolments/2023-1:linzi", county.enrolment(expert_target=2))
    third = county.inspection(names[2], "re_examination", results=results("5"))
    assert system.submit("/v1/inspections", "county", third).status == 201
    eventually(lambda: completeness(system)["projected"] == 6, 60, "all projected")
    alert = eventually(lambda: next(iter(alerts_of(system)), None), 30, "an alert")
    system.ok("POST", "notify", f"/v1/alerts/{alert}/ack", "county", {"note": "seen", "promise_by": None})


def settled(system: System) -> bool:
    said = completeness(system)
    return bool(said["accepted"] == said["projected"] == said["scored"] and said["missing"] == 0)


def deliveries(system: System) -> int:
    return len(system.ok("GET", "notify", "/v1/deliveries?limit=500", "county")["items"])


def quiet(system: System) -> bool:
    """Every alert opened so far has been told."""
    count = deliveries(system)
    return count > 0 and not eventually_changes(lambda: deliveries(system), count)


def eventually_changes(probe: Any, value: Any, seconds: float = 2.0) -> bool:
    try:
        eventually(lambda: probe() != value, seconds)
    except AssertionError:
        return False
    return True


def submit_while_the_broker_is_away(county: County) -> tuple[str, Any, Any]:
    enterprise = county.enterprises[5]
    body = county.inspection(enterprise, results=results("3"))
    for pid in county.system.run["pids"]["kafka"]:
        os.kill(pid, signal.SIGSTOP)
    answer = county.system.submit("/v1/inspections", enterprise, body)
    assert answer.status == 201
    assert answer.json["status"] == "queued"
    return enterprise, body, answer.json


def erase_the_inspector(system: System) -> tuple[str, Any]:
    """The record of one of the submissions that named them, and what it answers from then on."""
    record = f"/v1/inspections/{system.ok('GET', 'intake', '/v1/inspections', 'county')['items'][0]['submission_id']}"
    person = system.ok("GET", "intake", record, "county")["persons"][0]
    assert system.ok("DELETE", "intake", f"/v1/persons/{person}?reason=asked", "national")["submissions"] == 6
    gone = system.call("GET", "intake", f"{record}/record", "county")
    assert gone.status == 410
    return f"{record}/record", gone.json


def observed(county: County, evidence: str) -> Before:
    system = county.system
    eventually(lambda: settled(system) and quiet(system), 60, "a settled system")
    frozen = system.ok("POST", "reporting", "/v1/evaluations", "national", {"round_id": "2023-1", "unit_id": "linzi"})
    document = system.call("GET", "reporting", f"/v1/evaluations/{frozen['evaluation_id']}.json", "national").body
    alerts, told = alerts_of(system), deliveries(system)
    erased = erase_the_inspector(system)
    waiting = submit_while_the_broker_is_away(county)
    chains = {name: system.ok("GET", "intake", f"/v1/receipts/{name}", "county") for name in county.enterprises}
    messages = len(system.inbox.taken)
    return Before(chains, alerts, told, (frozen["evaluation_id"], document), waiting, erased, 7, evidence, messages)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    folder = tmp_path_factory.mktemp("backup")
    with Inbox() as inbox:
        first = System(folder / "first", inbox).start()
        county = County(first).register(enterprises=6)
        try:
            sent = first.call("POST", "intake", "/v1/evidence", county.enterprises[0], PHOTO, content_type="image/png")
            assert sent.status == 201, sent.body
            work(county)
            before = observed(county, sent.json["sha256"])
            taken = keycounty("backup", folder / "kept", "--run-file", first.data_dir / "run.json")
            assert taken.returncode == 0, taken.stderr
            assert "SECRETS" in taken.stderr
        finally:
            first.stop()
        shutil.rmtree(first.data_dir)
        target = folder / "second"
        done = keycounty("restore", folder / "kept", "--data-dir", target, "--port-base", free_base())
        assert done.returncode == 0, done.stderr + done.stdout
        second = System(target, inbox)
        second.keys = first.keys
        second.start()
        county.system = second
        try:
            yield Tried(before, folder / "kept", county)
        finally:
            second.stop()


def test_every_submission_reaches_the_new_log_and_none_is_missing(tried: Tried) -> None:
    system = tried.after.system
    eventually(lambda: completeness(system)["projected"] == tried.before.accepted, 60, "all projected again")
    eventually(lambda: completeness(system)["accepted"] == tried.before.accepted, 30, "intake's counts")
    said = completeness(system)
    assert said["missing"] == 0
    assert said["scored"] == said["projected"] == said["accepted"] == tried.before.accepted


def test_receipts_are_the_same_and_verify_offline(tried: Tried, tmp_path: Path) -> None:
    system = tried.after.system
    keys = tmp_path / "keys.json"
    keys.write_bytes(system.call("GET", "intake", "/.well-known/receipt-keys.json").body)
    for name, chain in tried.before.chains.items():
        now = system.call("GET", "intake", f"/v1/receipts/{name}", "county")
        assert now.json == chain
        file = tmp_path / f"{name}.json"
        file.write_bytes(now.body)
        if chain["items"]:
            checked = keycounty("receipts", "verify", file, "--key", keys)
            assert checked.returncode == 0, checked.stdout + checked.stderr


def test_idempotency_keys_still_answer_the_same(tried: Tried) -> None:
    enterprise, body, answer = tried.before.waiting
    system = tried.after.system
    again = system.submit("/v1/inspections", enterprise, body)
    assert again.status == 201
    assert again.json["submission_id"] == answer["submission_id"]
    assert again.json["receipt"] == answer["receipt"]
    name = hashlib.sha256(json.dumps(["/v1/inspections", enterprise, body], sort_keys=True).encode()).hexdigest()
    other = body | {"inspected_on": "2023-02-16"}
    assert system.submit("/v1/inspections", enterprise, other, name).status == 422


def test_the_submission_that_waited_for_the_broker_raises_its_alert_now(tried: Tried) -> None:
    finding = tried.before.waiting[2]["findings"][0]["finding_id"]
    system = tried.after.system
    eventually(lambda: any(subject == finding for _, _, subject in alerts_of(system).values()), 60, "its alert")
    eventually(lambda: len(system.inbox.taken) > tried.before.messages, 30, "its message")


def test_alerts_stand_as_they_stood_and_nobody_is_told_twice(tried: Tried) -> None:
    system = tried.after.system
    eventually(lambda: len(alerts_of(system)) > len(tried.before.alerts), 60, "the new alert")
    eventually(lambda: quiet(system), 30, "no more messages")
    now = alerts_of(system)
    assert {id: now[id] for id in tried.before.alerts} == tried.before.alerts
    fresh = now.keys() - tried.before.alerts.keys()
    told = system.inbox.taken[tried.before.messages :]
    about = {content["data"]["id"] for channel, _, _, content in told if channel == "webhook"}
    assert about <= fresh


def test_a_frozen_evaluation_is_the_same_and_findings_are_derived_again(tried: Tried) -> None:
    evaluation, document = tried.before.evaluation
    now = tried.after.system.call("GET", "reporting", f"/v1/evaluations/{evaluation}.json", "national")
    assert now.status == 200
    assert now.body == document
    finding = tried.before.waiting[2]["findings"][0]["finding_id"]
    listed = tried.after.system.ok("GET", "reporting", "/v1/units/linzi/findings", "national")["items"]
    assert finding in {each["finding_id"] for each in listed}


def test_who_was_erased_stays_erased(tried: Tried) -> None:
    path, told = tried.before.erased
    gone = tried.after.system.call("GET", "intake", path, "county")
    assert (gone.status, gone.json) == (410, told)
    client: MongoClient[Any] = MongoClient(tried.after.system.run["mongo"])
    stored = list(client["keycounty_intake"]["submissions"].find({"erased": {"$exists": True}}))
    assert len(stored) == 6
    assert [each["_id"] for each in stored if b"Zhang" in each["record"]] == []
    client.close()


def test_evidence_is_there_byte_for_byte(tried: Tried) -> None:
    path = f"/v1/evidence/{tried.before.evidence}"
    assert tried.after.system.call("GET", "intake", path, tried.after.enterprises[0]).body == PHOTO


def test_work_goes_on_with_the_next_number(tried: Tried) -> None:
    enterprise = tried.after.enterprises[0]
    body = tried.after.inspection(enterprise, results=results("4"), supersedes_reason="another look")
    answer = tried.after.system.submit("/v1/inspections", enterprise, body)
    assert answer.status == 201, answer.body
    assert answer.json["seq"] == len(tried.before.chains[enterprise]["items"]) + 1


def test_no_collection_of_intake_and_notify_is_left_out(tried: Tried) -> None:
    client: MongoClient[Any] = MongoClient(tried.after.system.run["mongo"])
    for service, passing in PASSING.items():
        there = set(client[f"keycounty_{service}"].list_collection_names())
        kept = {part.collection for part in PARTS if part.service == service}
        assert there - kept - passing == set(), service
    client.close()


def test_an_altered_backup_is_refused_with_every_fault_named(tried: Tried, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(tried.backup, altered)
    victim = altered / "intake.days.ndjson.gz"
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    (altered / "intake.cursors.ndjson.gz").unlink()
    done = keycounty("restore", altered, "--data-dir", tmp_path / "third", "--port-base", free_base())
    assert done.returncode == 1
    assert "intake.days.ndjson.gz is altered" in done.stderr
    assert "intake.cursors.ndjson.gz is missing" in done.stderr
