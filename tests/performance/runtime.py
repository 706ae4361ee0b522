"""`make bench-runtime`: how soon the local runtime is ready, what it weighs at rest, and how soon a message follows a
POST.

Absolute figures of one machine, held against the bars of the project; the broker is real, the store is SecantusDB.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.system import County, Inbox, System, eventually, results

READY_BAR_S, WHOLE_BAR_MB, SERVICE_BAR_MB, MESSAGE_BAR_S = 15.0, 1300.0, 130.0, 0.5
ROUNDS, MESSAGES = 3, 30
SERVICES = ("intake", "scoring", "notify", "reporting")


def resident_mb(pids: list[int]) -> float:
    """Resident memory of processes and all below them, in MB."""
    found = [
        process for pid in pids for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    ]
    return sum(process.memory_info().rss for process in found) / 1e6


def one_round(folder: Path) -> dict[str, Any]:
    with Inbox() as inbox:
        system = System(folder / "data", inbox)
        began = time.monotonic()
        system.start()
        figures: dict[str, Any] = {"ready_s": time.monotonic() - began}
        try:
            pids = system.run["pids"]
            figures |= {f"{name}_mb": resident_mb(pids[name]) for name in (*SERVICES, "kafka", "mongo")}
            figures["whole_mb"] = resident_mb([system.process.pid])
            figures["message_s"] = statistics.median(messages(system))
        finally:
            system.stop()
    return figures


def messages(system: System) -> list[float]:
    """Seconds from each POST of a major finding to the webhook at the receiver, one after the other."""
    county = County(system).register(enterprises=MESSAGES)
    found = []
    for enterprise in county.enterprises:
        began = time.monotonic()
        answer = system.submit("/v1/inspections", enterprise, county.inspection(enterprise, results=results("5")))
        finding = answer.json["findings"][0]["finding_id"]
        eventually(lambda finding=finding: arrived(system, finding), 30, "the webhook", every=0.005)
        found.append(time.monotonic() - began)
    return found


def arrived(system: System, finding: str) -> bool:
    return any(one["data"]["facts"].get("finding_id") == finding for one in system.inbox.webhooks("county-linzi"))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        rounds = [one_round(Path(tempfile.mkdtemp(dir=folder))) for _ in range(ROUNDS)]
    medians = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    bars = {"ready_s": READY_BAR_S, "whole_mb": WHOLE_BAR_MB, "message_s": MESSAGE_BAR_S}
    bars |= {f"{name}_mb": SERVICE_BAR_MB for name in SERVICES}
    table = Table("figure", "median of 3", "bar", "")
    for name, value in medians.items():
        bar = bars.get(name)
        table.add_row(
            name, f"{value:.2f}", "" if bar is None else f"{bar:g}", "" if bar is None else "✓" if value <= bar else "✗"
        )
    Console().print(table)
    passed = all(medians[name] <= bar for name, bar in bars.items())
    rounded = {name: round(value, 3) for name, value in medians.items()}
    print(json.dumps({"name": "bench-runtime", "passed": passed, "cores": os.cpu_count(), **rounded}))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
