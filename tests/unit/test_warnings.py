"""The test run's own rule: a socket that is left open fails it, but for one that has reached nobody."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAVES = """
import gc
import socket


def test_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        left = socket.socket()
        left.connect_ex({address})
        left = None
        gc.collect()
"""


@pytest.mark.parametrize(("address", "code"), [("server.getsockname()", 1), ('("127.0.0.1", 1)', 0)])
def test_a_connection_that_is_left_open_fails_the_run(tmp_path: Path, address: str, code: int) -> None:
    (tmp_path / "test_leaves.py").write_text(LEAVES.format(address=address))
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), str(tmp_path)]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True, timeout=60)
    assert found.returncode == code, found.stdout
