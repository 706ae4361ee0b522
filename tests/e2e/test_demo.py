"""`keycounty demo`: a round on the real parts, its tables and checks; served on until a signal."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.system import KEYCOUNTY, call, free_base

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_demo_plays_a_round_checks_its_outcome_and_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [KEYCOUNTY, "demo", "--data-dir", tmp_path / "demo", "--port-base", free_base()]
    small = ["--units", 3, "--enterprises", 4, "--seed", 7]
    with subprocess.Popen(
        list(map(str, [*command, *small])), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            printed = []
            for line in process.stdout:
                printed.append(line)
                if line.strip().startswith("reporting "):
                    break
            output = "".join(printed)
            figures = json.loads(next(line for line in printed if line.startswith("{")))
            assert figures["passed"] is True, output
            assert figures["checks"] > 20
            assert (figures["missing"], len(figures["units"])) == (0, 3)
            assert figures["post_to_webhook_median_s"] > 0
            for title in ("Units by colour", "Alerts (policy with short timers", "short boards", "POST to webhook"):
                assert title in output
            run = json.loads((tmp_path / "demo" / "run.json").read_text())
            assert call("GET", run["services"]["reporting"] + "/health/ready").status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
