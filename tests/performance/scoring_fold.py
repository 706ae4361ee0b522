"""The pure fold measured alone: against parsing, with few and many enterprises in a unit, and its memory. For
scoring."""

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence

from services.scoring import garbage
from services.scoring.rules.fold import PartitionFold
from shared.events.envelope import Event, decode, headers
from shared.rulesets import load
from tests.event_log import compact, inspection_events, round_openings

BATCH = 500
EVENTS = 4000
STAGES = 3
WORLD = {"units": 20, "enterprises": 100}
# Events after which the process has its usual size.
WARM = 200
Raw = tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]


def measure(repetitions: int) -> dict[str, float]:
    """Medians of the figures, the collector set as it is in a worker."""
    garbage.seldom()
    pairs = [_fold_and_parse(20, units=10) for _ in range(repetitions)]
    # As many enterprises, and as many events of each: only the size of a unit differs.
    small = [_fold_and_parse(20, units=25)[0] for _ in range(repetitions)]
    large = [_fold_and_parse(500, units=1)[0] for _ in range(repetitions)]
    count = str(WORLD["units"] * WORLD["enterprises"] * STAGES)
    told = ["--inspections", count, *(part for name, value in WORLD.items() for part in (f"--{name}", str(value)))]
    log = subprocess.run([sys.executable, "-m", "tests.log_records", *told], capture_output=True, check=True).stdout
    asked = [sys.executable, "-m", "tests.performance.scoring_fold"]
    done = subprocess.run(asked, input=log, capture_output=True, check=True)
    return {
        "fold_per_parse_in_turn": statistics.median(_in_turn(20, units=10) for _ in range(repetitions)),
        "fold_per_parse": statistics.median(fold / parse for fold, parse in pairs),
        "large_per_small": statistics.median(large) / statistics.median(small),
        "kb_per_enterprise": json.loads(done.stdout)["kb_per_enterprise"],
    }


def _raw(events: Sequence[Event]) -> list[Raw]:
    return [(event.key.encode(), compact(event), tuple(headers(event))) for event in events]


def _fold_and_parse(enterprises: int, units: int) -> tuple[float, float]:
    """CPU seconds per event of folding (with the flush of each batch) and of parsing."""
    world = {"units": units, "enterprises": enterprises}
    records = _raw(list(inspection_events(EVENTS, **world)))
    fold = PartitionFold(load(), 0)
    for offset, event in enumerate(round_openings(**world)):
        fold.apply(event, offset)
    fold.flush()
    gc.collect()  # what an earlier repetition has left is not this one's cost
    began = time.process_time()
    events = [decode(*record) for record in records]
    parse = time.process_time() - began
    began = time.process_time()
    for start in range(0, len(events), BATCH):
        for offset, event in enumerate(events[start : start + BATCH], start + 1000):
            fold.apply(event, offset)
        fold.flush()
    return (time.process_time() - began) / len(events), parse / len(events)


def _in_turn(enterprises: int, units: int) -> float:
    """The fold, times the cost of parsing, with each event folded as soon as it is parsed and then let go: the bar's.

    Parsing all events first into a list flatters the fold: parsing then pays for the collector's visits to all that is
    kept, which no worker keeps.
    """
    world = {"units": units, "enterprises": enterprises}
    records = _raw(list(inspection_events(EVENTS, **world)))
    fold = PartitionFold(load(), 0)
    for offset, event in enumerate(round_openings(**world)):
        fold.apply(event, offset)
    fold.flush()
    gc.collect()  # what an earlier repetition has left is not this one's cost
    began = time.process_time()
    for record in records:
        decode(*record)
    parsed = time.process_time()
    for start in range(0, len(records), BATCH):
        for offset, record in enumerate(records[start : start + BATCH], start + 1000):
            fold.apply(decode(*record), offset)
        fold.flush()
    return (time.process_time() - parsed) / (parsed - began) - 1


def memory(lines: Iterable[str]) -> float:
    """Resident kB per enterprise with 20 items answered in three stages: `lines` of tests.log_records, folded one by
    one."""
    import psutil

    fold, before = PartitionFold(load(), 0), 0
    for offset, line in enumerate(lines):
        record = json.loads(line)
        raw_headers = [(name, text.encode()) for name, text in record["headers"]]
        fold.apply(decode(record["key"].encode(), record["value"].encode(), raw_headers), offset)
        if offset % 50 == 0:
            fold.flush()
        if offset == WARM:
            before = psutil.Process().memory_info().rss
    fold.flush()
    gc.collect()
    folded = WORLD["units"] * WORLD["enterprises"] * (1 - WARM / (offset + 1))
    return (psutil.Process().memory_info().rss - before) / 1024 / folded


if __name__ == "__main__":
    print(json.dumps({"kb_per_enterprise": memory(sys.stdin)}))
