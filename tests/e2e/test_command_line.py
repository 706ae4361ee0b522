"""The commands of `keycounty` on a running system: what they print, with --json too, and their exit codes."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.system import KEYCOUNTY, ROUND, County, System, eventually, results, run_async

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


class Cli:
    """Runs `keycounty` against a system; what it prints, or with `json` what it prints on standard output alone."""

    def __init__(self, system: System) -> None:
        self.system = system

    def __call__(self, *arguments: object, code: int = 0) -> str:
        done = self._run(arguments, code)
        return done.stdout + done.stderr

    def here(self, *arguments: object, code: int = 0) -> str:
        return self(*arguments, "--run-file", self.system.data_dir / "run.json", code=code)

    def json(self, *arguments: object, code: int = 0) -> Any:
        told = self._run((*arguments, "--run-file", self.system.data_dir / "run.json", "--json"), code)
        return json.loads(told.stdout)

    def _run(self, arguments: tuple[object, ...], code: int) -> "subprocess.CompletedProcess[str]":
        command = [str(KEYCOUNTY), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def cli(county: County) -> Cli:
    return Cli(county.system)


def test_the_doctor_finds_a_healthy_system_healthy(cli: Cli) -> None:
    found = eventually(lambda: (told := cli.json("doctor")) and all(one["well"] for one in told) and told, 30, "health")
    parts = {one["part"] for one in found}
    assert {"broker", "topics", "store", "intake", "scoring", "notify", "reporting", "Chinese font"} <= parts
    assert {f"lag of {name}" for name in ("scoring", "notify", "reporting")} <= parts
    assert {f"indexes of {name}" for name in ("intake", "notify", "reporting")} <= parts
    assert "✓" in cli.here("doctor")


def test_the_doctor_says_what_to_do_about_a_part_that_is_away(tmp_path: Path, cli: Cli) -> None:
    run = cli.system.run | {"kafka": "127.0.0.1:1", "mongo": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"}
    run["services"] = run["services"] | {"notify": "http://127.0.0.1:1"}
    (tmp_path / "run.json").write_text(json.dumps(run))
    found = json.loads(cli("doctor", "--run-file", tmp_path / "run.json", "--json", code=1))
    wrong = {one["part"]: one["advice"] for one in found if not one["well"]}
    assert wrong.keys() == {"broker", "store", "notify"}
    assert "KEYCOUNTY_KAFKA_BOOTSTRAP" in wrong["broker"]
    assert "KEYCOUNTY_PUBLIC_URL_NOTIFY" in wrong["notify"]


def test_topics_are_listed_and_making_them_again_changes_nothing(cli: Cli) -> None:
    listed = {each["topic"]: each["partitions"] for each in cli.json("topics", "list")}
    assert listed["keycounty.inspections.v1"] == 12
    assert cli.json("topics", "ensure") == {"created": []}
    assert "all topics exist" in cli.here("topics", "ensure")


def test_a_replay_gives_the_state_that_the_worker_has(county: County, cli: Cli) -> None:
    enterprise = county.enterprises[8]
    answer = county.system.submit("/v1/inspections", enterprise, county.inspection(enterprise, results=results("11")))
    assert answer.status == 201, answer.body
    found = eventually(lambda: (told := cli.json("replay")) and told["units"] and told, 60, "a unit folded")
    assert found["same"] is True
    assert all(unit["hash"] == unit["live_hash"] for unit in found["units"])
    assert re.search(r"state hash [0-9a-f]{64}: no unit differs", cli.here("replay"))


def test_an_evaluation_is_rendered_to_the_same_bytes_and_told_from_a_forged_one(
    county: County, cli: Cli, tmp_path: Path
) -> None:
    key = county.system.keys["national"]
    body = {"round_id": ROUND, "unit_id": county.unit}
    frozen = county.system.ok("POST", "reporting", "/v1/evaluations", "national", body)["evaluation_id"]
    for kind in ("json", "csv", "xlsx", "pdf"):
        first, second = tmp_path / f"first.{kind}", tmp_path / f"second.{kind}"
        for file in (first, second):
            cli.here("report", "render", frozen, "--format", kind, "-o", file, "--api-key", key)
        assert first.read_bytes() == second.read_bytes(), kind
        told = cli.json("report", "verify", first, "--api-key", key)
        assert (told["genuine"], told["evaluation_id"]) == (True, frozen), kind
    forged = tmp_path / "forged.json"
    forged.write_bytes((tmp_path / "first.json").read_bytes().replace(b'"index":', b'"index":1', 1))
    assert cli.json("report", "verify", forged, "--api-key", key, code=1)["genuine"] is False
    assert "404" in cli.here("report", "render", frozen[::-1], "-o", forged, "--api-key", key, code=1)
    assert "--api-key" in cli("report", "verify", forged, code=2)


def test_a_dead_letter_is_shown_with_its_bytes_and_one_from_nowhere_is_not_sent(cli: Cli) -> None:
    run_async(put_away(cli.system, b"\xff no event", (("kc_reason", b"test"), ("kc_detail", b"put here"))))
    listed = cli.json("dead-letters", "list")
    letter = next(each["id"] for each in listed if each["detail"] == "put here")
    shown = cli.json("dead-letters", "show", letter)
    assert shown["value_base64"] == "/yBubyBldmVudA=="
    assert shown["headers"]["kc_reason"] == "test"
    assert "no event" in cli.here("dead-letters", "show", letter)
    assert "where it came from" in cli.here("dead-letters", "redrive", letter, code=1)
    assert "99-99" in cli.here("dead-letters", "redrive", "99-99", code=2)


async def put_away(system: System, value: bytes, headers: Any) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=system.run["kafka"])
    await producer.start()
    try:
        await producer.send_and_wait("keycounty.dead-letters.v1", value, b"key", headers=list(headers))
    finally:
        await producer.stop()


def test_ports_and_a_directory_that_are_taken_are_named(cli: Cli, tmp_path: Path) -> None:
    base = int(cli.system.run["services"]["intake"].rsplit(":", 1)[1]) - 1
    told = cli("up", "--data-dir", tmp_path / "other", "--port-base", base, code=1)
    assert f"{base + 1} (intake)" in told
    assert "--port-base N moves them all" in told
    assert "in use by another runtime" in cli("up", "--data-dir", cli.system.data_dir, code=1)
    demo = cli("demo", "--data-dir", tmp_path / "demo", "--port-base", base, "--exit", code=1)
    assert f"{base + 1} (intake)" in demo


def test_a_restore_over_a_runtime_that_has_ended_signals_nobody(cli: Cli, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    cli.here("backup", kept)
    run = cli.system.run | {"data_dir": str(tmp_path)}
    (tmp_path / "run.json").write_text(json.dumps(run))
    told = cli("restore", kept, "--run-file", tmp_path / "run.json", code=2)
    assert "does not run" in told.replace("\n", " ")
    assert cli.system.call("GET", "intake", "/health/ready").status == 200
