"""SIGTERM in the first moments of a service's life: it ends with 0, as at any other time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SIGTERM_BIT = 1 << (signal.SIGTERM - 1)
NOWHERE = {"KEYCOUNTY_KAFKA_BOOTSTRAP": "127.0.0.1:1", "KEYCOUNTY_MONGO_URI": "mongodb://127.0.0.1:1"}


def catches_sigterm(pid: int) -> bool:
    """Whether the process has set a handler (Linux: SigCgt of /proc/PID/status)."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & SIGTERM_BIT)


@pytest.mark.parametrize("name", ["intake", "scoring", "notify", "reporting"])
def test_a_service_told_to_stop_while_it_starts_ends_with_zero(name: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", f"services.{name}"],
        env=os.environ | NOWHERE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not catches_sigterm(process.pid):
        assert time.monotonic() < deadline, "no handler was set"
    process.terminate()
    assert process.wait(10) == 0
