"""`keycounty demo` as `make demo` calls it: a round on the real parts, its tables and checks; served on until a signal.
The tours of the README are followed on it, word for word.
"""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system import KEYCOUNTY, call, free_base

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]


@dataclass
class Demo:
    """A demo that has played its round and serves on; `folder` is where a visitor stands."""

    process: subprocess.Popen[str]
    folder: Path
    printed: str

    @property
    def figures(self) -> Any:
        return json.loads(next(line for line in self.printed.splitlines() if line.startswith("{")))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("visitor")
    (folder / ".venv").symlink_to(KEYCOUNTY.parents[1])
    command = [str(KEYCOUNTY), "demo", "--port-base", str(free_base())]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=folder, text=True, **streams) as process:
        try:
            yield Demo(process, folder, read_until(process, "  reporting "))
        finally:
            process.kill()


def read_until(process: Any, beginning: str) -> str:
    """Its output up to the first line that begins so, or to its end."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(beginning):
            break
    return "".join(lines)


def test_the_round_is_played_shown_and_found_right(demo: Demo) -> None:
    figures = demo.figures
    assert figures["passed"] is True, demo.printed
    assert figures["checks"] > 50
    assert (figures["missing"], len(figures["units"])) == (0, 6)
    assert figures["post_to_webhook_median_s"] > 0
    for title in ("Units by colour", "Alerts (policy with short timers", "short boards", "POST to webhook"):
        assert title in demo.printed
    run = json.loads((demo.folder / "data" / "demo" / "run.json").read_text())
    assert call("GET", run["services"]["reporting"] + "/health/ready").status == 200


def test_the_tours_of_the_readme_can_be_followed_word_for_word(demo: Demo) -> None:
    tours = (ROOT / "README.md").read_text("utf-8").partition("## Four tours")[2]
    blocks = re.findall(r"```sh\n(.*?)```", tours, re.DOTALL)
    assert len(blocks) == 6
    # A visitor sees a refusal; here it ends the script.
    script = "\n".join(blocks).replace("curl -s ", "curl -s --fail-with-body ")
    shell = ["bash", "-euxo", "pipefail", "-c", script]
    done = subprocess.run(shell, cwd=demo.folder, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for said in (
        '"level":4',
        "unbroken",
        "accepted 1, rejected 0",
        '"state":"acknowledged"',
        "<alert",
        '"genuine":true',
    ):
        assert said in done.stdout, said
    assert '"missing":0' in done.stdout
    assert (demo.folder / "evaluation.pdf").read_bytes().startswith(b"%PDF")
    assert (demo.folder / "backups" / "first" / "manifest.json").exists()


def test_sigterm_stops_it_cleanly(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(20) == 0
    assert not (demo.folder / "data" / "demo" / "run.json").exists()
