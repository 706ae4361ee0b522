"""The data directory: one runtime at a time, secrets kept, a clock whose offset does not change."""

import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.local.child import MARKER, orphans
from deploy.local.data_dir import DataDirError, DataDirLock, RunFile, end_orphans, ensure_clock, ensure_secrets, in_use

FEBRUARY = datetime.fromisoformat("2023-02-01T08:00:00+08:00")


def test_a_second_runtime_on_the_same_directory_is_refused_and_names_the_first(tmp_path: Path) -> None:
    assert not in_use(tmp_path)
    with DataDirLock(tmp_path):
        assert in_use(tmp_path)
        with pytest.raises(DataDirError, match=f"in use by another runtime .pid {os.getpid()}"):
            DataDirLock(tmp_path).acquire()
    assert not in_use(tmp_path)
    with DataDirLock(tmp_path):
        assert in_use(tmp_path)


def test_a_lock_left_by_a_killed_runtime_does_not_hold(tmp_path: Path) -> None:
    script = (
        "import time; from pathlib import Path; from deploy.local.data_dir import DataDirLock;"
        f"lock = DataDirLock(Path({str(tmp_path)!r})); lock.acquire(); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirError, match=str(holder.pid)):
            DataDirLock(tmp_path).acquire()
        holder.kill()
        holder.wait()
    with DataDirLock(tmp_path):
        assert in_use(tmp_path)


def test_processes_of_a_killed_runtime_are_recognised_and_ended(tmp_path: Path) -> None:
    environment = os.environ | {MARKER: str(tmp_path.resolve())}
    left = subprocess.Popen(["sleep", "60"], env=environment)
    other = subprocess.Popen(["sleep", "60"], env=os.environ | {MARKER: str(tmp_path.resolve() / "other")})
    try:
        assert orphans(tmp_path) == [left.pid]
        end_orphans(tmp_path)
        assert left.wait(5) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_secrets_are_private_and_kept(tmp_path: Path) -> None:
    made = ensure_secrets(tmp_path / "secrets")
    assert ensure_secrets(tmp_path / "secrets") == made
    for path in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = load_pem_private_key(made.signing_key_file.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    assert len(made.admin_key_sha256) == 64


def test_two_directories_have_different_secrets(tmp_path: Path) -> None:
    one, two = ensure_secrets(tmp_path / "one"), ensure_secrets(tmp_path / "two")
    assert one.admin_key != two.admin_key
    assert one.contact_key_file.read_bytes() != two.contact_key_file.read_bytes()


def test_a_simulated_clock_keeps_its_offset_over_restarts(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first = ensure_clock(tmp_path, FEBRUARY, now)
    assert first is not None
    assert ensure_clock(tmp_path, FEBRUARY, now + timedelta(days=1)) == first
    assert ensure_clock(tmp_path, None, now + timedelta(days=2)) == first
    assert first.anchor == now


def test_another_start_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ensure_clock(tmp_path, FEBRUARY, now)
    with pytest.raises(DataDirError, match="2023-02-01"):
        ensure_clock(tmp_path, FEBRUARY + timedelta(days=1), now)


def test_without_a_start_the_machine_s_clock_is_used_and_nothing_is_kept(tmp_path: Path) -> None:
    assert ensure_clock(tmp_path, None, datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert list(tmp_path.iterdir()) == []


def test_the_run_file_reads_back_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "made" / "run.json"
    run = RunFile("/d", "h:1", "mongodb://h", {"intake": "http://h"}, {"intake": ["http://h"]}, {"kafka": [2]}, "key")
    run.write(path)
    assert RunFile.read(path) == run
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["run.json"]
