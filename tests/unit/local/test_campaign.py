"""The long campaigns end with a line of JSON that tells the truth."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def campaign(folder: Path, test: str) -> tuple[int, dict[str, Any]]:
    """Exit code and last line of a campaign of one test, in a directory of its own."""
    (folder / "tests" / "sample").mkdir(parents=True)
    (folder / "tests" / "sample" / "test_sample.py").write_text(test, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = (sys.executable, str(ROOT / "tests" / "campaign.py"), "sample")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_a_campaign_that_passes_says_so_with_its_figures(tmp_path: Path) -> None:
    code, last = campaign(tmp_path, "def test_it(record_property):\n    record_property('lost', 0)\n")
    assert code == 0
    assert last["name"] == "sample"
    assert last["passed"] is True
    assert last["lost"] == 0
    assert last["tests"] == {"passed": 1, "failed": 0, "skipped": 0}


def test_a_campaign_with_a_failure_exits_non_zero(tmp_path: Path) -> None:
    code, last = campaign(tmp_path, "def test_it():\n    assert False\n")
    assert code == 1
    assert last["passed"] is False
    assert last["tests"]["failed"] == 1


def test_a_campaign_without_a_test_has_not_passed(tmp_path: Path) -> None:
    code, last = campaign(tmp_path, "")
    assert code == 1
    assert last["passed"] is False
