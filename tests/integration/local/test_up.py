"""`keycounty up` in the foreground: ready, signals, exit codes; with small stand-ins for the services."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.child import orphans
from deploy.local.data_dir import RunFile
from deploy.local.ports import SERVICES, Ports

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

FAKE = Path(__file__).with_name("fake_service.py")
SCRIPT = """
import sys
from pathlib import Path
from deploy.cli.up import run_until_stopped
from deploy.local.ports import SERVICES, Ports
from deploy.local.runtime import Runtime, make_topics
from deploy.local.stack import Options

data_dir, base, fake, failing = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
commands = {name: (sys.executable, fake, failing) for name in SERVICES}
options = Options(data_dir, ports=Ports.from_base(base), commands=commands, make_topics=make_topics)
sys.exit(run_until_stopped(Runtime(options, report=lambda line: print(line, flush=True)), data_dir))
"""


@contextmanager
def up(data_dir: Path, failing: str = "") -> Iterator[subprocess.Popen[str]]:
    base = Ports.free(random.Random()).base
    command = (sys.executable, "-c", SCRIPT, str(data_dir), str(base), str(FAKE), failing)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """Lines of its output up to the first with `word` in it."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            return lines
    raise AssertionError(f"{word!r} was never printed: {lines}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_in_15_seconds_with_exit_code_0(tmp_path: Path, number: signal.Signals) -> None:
    with up(tmp_path) as process:
        printed = "".join(read_until(process, "Ctrl-C"))
        run = RunFile.read(tmp_path / "run.json")
        for address in (*run.services.values(), run.kafka, run.mongo, str(tmp_path / "run.json")):
            assert address in printed
        assert run.admin_key not in printed
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 0
        assert time.monotonic() - started < 15
    assert orphans(tmp_path) == []


def test_a_signal_during_the_start_stops_all_with_exit_code_0(tmp_path: Path) -> None:
    with up(tmp_path) as process:
        read_until(process, "broker and store ready")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert orphans(tmp_path) == []


def test_five_deaths_in_a_minute_stop_all_with_exit_code_1_and_the_last_log_lines(tmp_path: Path) -> None:
    with up(tmp_path, failing="scoring") as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
    assert "scoring died 5 times in a minute" in errors
    assert "this service was told to fail" in errors
    assert orphans(tmp_path) == []


def test_the_run_file_has_the_fields_of_the_contract(tmp_path: Path) -> None:
    with up(tmp_path) as process:
        read_until(process, "Ctrl-C")
        run = RunFile.read(tmp_path / "run.json")
        process.terminate()
        process.wait(20)
    assert run.kafka.startswith("127.0.0.1:")
    assert run.mongo.startswith("mongodb://")
    assert set(run.services) == set(SERVICES)
    assert set(run.pids) == {*SERVICES, "kafka", "mongo"}
    assert all(len(pids) == 1 for pids in run.pids.values())
    assert run.admin_key
