"""The runtime on the real broker and store with small stand-ins for the services."""

import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psutil
import pymongo
import pytest

from deploy.local.child import orphans
from deploy.local.data_dir import DataDirError, RunFile
from deploy.local.ports import SERVICES, Ports, PortsTakenError
from deploy.local.runtime import Runtime
from deploy.local.stack import Options
from deploy.local.supervisor import TooManyDeathsError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

FAKE = Path(__file__).with_name("fake_service.py")
FEBRUARY = datetime.fromisoformat("2023-02-01T08:00:00+08:00")


def options(data_dir: Path, *, failing: str = "", **others: object) -> Options:
    commands = {name: (sys.executable, str(FAKE), failing) for name in SERVICES}
    chosen = {"ports": Ports.free(random.Random()), "commands": commands} | others
    return Options(data_dir=data_dir, **chosen)  # type: ignore[arg-type]


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not true in time"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_everything_is_ready_and_named_in_the_run_file_and_gone_after_the_stop(tmp_path: Path) -> None:
    runtime = Runtime(options(tmp_path, replicas={"notify": 2}))
    run = runtime.start()
    try:
        assert set(run.services) == set(SERVICES)
        for url in (*run.services.values(), *run.replicas["notify"]):
            assert urllib.request.urlopen(f"{url}/health/ready").status == 200
        assert len(run.pids["notify"]) == 2
        assert all(is_running(pid) for pids in run.pids.values() for pid in pids)
    finally:
        started = time.monotonic()
        runtime.stop()
    assert time.monotonic() - started < 15
    assert not any(is_running(pid) for pids in run.pids.values() for pid in pids)


@pytest.mark.parametrize("part", ["intake", "kafka", "mongo"])
def test_a_killed_child_comes_back_and_the_run_file_gets_its_pid(tmp_path: Path, part: str) -> None:
    with Runtime(options(tmp_path)) as runtime:
        before = RunFile.read(runtime.run_file).pids
        os.kill(before[part][0], signal.SIGKILL)
        eventually(lambda: RunFile.read(runtime.run_file).pids[part] not in ([], before[part]))
        after = RunFile.read(runtime.run_file).pids
        assert is_running(after[part][0])
        assert {name: pids for name, pids in after.items() if name != part} == {
            name: pids for name, pids in before.items() if name != part
        }


def test_a_child_that_keeps_dying_stops_everything_with_its_last_words(tmp_path: Path) -> None:
    runtime = Runtime(options(tmp_path, failing="notify", max_deaths=3))
    with pytest.raises(TooManyDeathsError, match="this service was told to fail"):
        runtime.start()
    assert orphans(tmp_path) == []


def test_a_second_start_on_the_same_directory_resumes_with_state_secrets_and_clock(tmp_path: Path) -> None:
    chosen = options(tmp_path, clock_start=FEBRUARY)
    with Runtime(chosen) as runtime:
        first = RunFile.read(runtime.run_file)
        with pymongo.MongoClient(first.mongo, serverSelectionTimeoutMS=5000) as client:
            client.test.things.insert_one({"_id": 1})
    anchors = clock_settings(tmp_path)
    with Runtime(chosen) as runtime:
        second = RunFile.read(runtime.run_file)
        with pymongo.MongoClient(second.mongo, serverSelectionTimeoutMS=5000) as client:
            assert client.test.things.count_documents({}) == 1
    assert second.admin_key == first.admin_key
    assert len(anchors) == 2
    assert clock_settings(tmp_path) == anchors


def clock_settings(data_dir: Path) -> set[str]:
    """The distinct clock settings that the intake stand-in was ever given."""
    log = (data_dir / "logs" / "intake.log").read_text(encoding="utf-8")
    return {line for line in log.splitlines() if line.startswith("KEYCOUNTY_CLOCK_")}


def test_a_second_runtime_on_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    with Runtime(options(tmp_path)), pytest.raises(DataDirError, match="in use"):
        Runtime(options(tmp_path)).start()


def test_taken_ports_are_named_and_nothing_is_started(tmp_path: Path) -> None:
    with Runtime(options(tmp_path / "one")) as one:
        ports = one.options.ports
        with pytest.raises(PortsTakenError, match=rf"{ports.kafka} \(kafka\).*--port-base"):
            Runtime(options(tmp_path / "two", ports=ports)).start()
        assert orphans(tmp_path / "two") == []


def test_nothing_outlives_a_runtime_that_is_killed_and_its_directory_starts_again(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    script = (
        "import sys; from pathlib import Path; from deploy.local.runtime import Runtime;"
        "from deploy.local.stack import Options; from deploy.local.ports import Ports;"
        f"Runtime(Options(data_dir=Path({str(tmp_path)!r}), ports=Ports.from_base({chosen.ports.base}),"
        f"commands={dict(chosen.commands)!r})).start(); print('ready', flush=True); sys.stdin.read()"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    assert supervisor.stdin is not None
    with supervisor.stdout, supervisor.stdin:
        assert supervisor.stdout.readline() == b"ready\n"
        pids = [pid for found in RunFile.read(tmp_path / "run.json").pids.values() for pid in found]
        supervisor.kill()
        supervisor.wait()
    eventually(lambda: not any(is_running(pid) for pid in pids), seconds=5)
    with Runtime(chosen) as runtime:
        assert set(RunFile.read(runtime.run_file).pids) == {"kafka", "mongo", *SERVICES}
