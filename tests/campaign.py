"""`python -m tests.campaign NAME`: `tests/NAME` as a campaign: a table, then one line of JSON. Run by make."""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table


@dataclass
class Results:
    """A pytest plugin that keeps each test's outcome, its seconds, and what it recorded with `record_property`."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.rows.append((report.nodeid.removeprefix("tests/"), report.outcome, report.duration))
        if report.when == "teardown":
            self.figures |= {str(name): value for name, value in report.user_properties}

    def count(self, outcome: str) -> int:
        return sum(found == outcome for _, found, _ in self.rows)


def run(name: str, arguments: list[str]) -> int:
    """Exit code 0 when there were tests and none failed; the last line printed is the JSON object."""
    results, started = Results(), time.monotonic()
    code = pytest.main(["-q", "--timeout=1800", str(Path("tests") / name), *arguments], plugins=[results])
    table = Table(name, "outcome", "seconds")
    for test, outcome, seconds in results.rows:
        table.add_row(test, outcome, f"{seconds:.1f}")
    Console().print(table)
    passed = code == pytest.ExitCode.OK and results.count("passed") > 0
    outcomes = {outcome: results.count(outcome) for outcome in ("passed", "failed", "skipped")}
    print(
        json.dumps(
            {"name": name, "tests": outcomes, "seconds": round(time.monotonic() - started, 1), **results.figures}
            | {"passed": passed}
        )
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
