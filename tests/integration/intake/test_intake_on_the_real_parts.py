"""Intake as a process on the real broker and store: the command line."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.intake.running_intake import (
    ADMIN,
    ENTERPRISES,
    KEYCOUNTY,
    Deployment,
    hazard_unit,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def deployment(tmp_path: Path, kafka_bootstrap: str, mongo_uri: str) -> Iterator[Deployment]:
    found = Deployment(tmp_path, kafka_bootstrap, mongo_uri)
    found.start()
    yield found
    found.stop()


def test_the_command_line_loads_submits_and_verifies(deployment: Deployment, tmp_path: Path) -> None:
    def run(*arguments: str, key: str = ADMIN) -> subprocess.CompletedProcess[str]:
        url = f"http://127.0.0.1:{deployment.replicas[0].port}"
        reach = [] if arguments[0] == "receipts" else ["--url", url, "--api-key", key]
        return subprocess.run(
            [KEYCOUNTY, *arguments, *reach, "--json"], capture_output=True, text=True, timeout=60, check=False
        )

    (tmp_path / "units.csv").write_text("id,name_zh,name_en,kind\nsample-9,样本单元九,Sample unit nine,district\n")
    loaded = run("load", str(tmp_path / "units.csv"))
    assert json.loads(loaded.stdout) == {"loaded": 1, "failed": 0}, loaded.stderr
    code = ENTERPRISES[0]
    lines = [json.dumps(hazard_unit(code, f"HU-{number}")) for number in range(30)]
    (tmp_path / "hazard.ndjson").write_text("\n".join([*lines, '{"wrong": 1}']))
    for _ in range(2):
        submitted = run("submit", str(tmp_path / "hazard.ndjson"), "--kind", "hazard-units", key=deployment.keys[code])
        assert json.loads(submitted.stdout) == {"accepted": 30, "rejected": 1}, submitted.stderr
        assert submitted.returncode == 1
        assert "hazard.ndjson:31" in submitted.stderr.replace("\n", "")
    chain = deployment.receipts(code)
    assert len(chain) == 30
    (tmp_path / "chain.json").write_text(json.dumps(chain))
    keys = deployment.replicas[0].call("GET", "/.well-known/receipt-keys.json").body
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    verified = run("receipts", "verify", str(tmp_path / "chain.json"), "--key", str(tmp_path / "keys.json"))
    assert json.loads(verified.stdout) == {"receipts": 30, "genuine": True, "flaws": []}
