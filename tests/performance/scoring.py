"""`make bench-scoring`: scoring against a plain loop, Quix Streams and stock faust; a table, then one line of JSON."""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from rich.console import Console
from rich.table import Table

from deploy.local.kafka import LocalKafka
from shared.events.envelope import headers
from tests.event_log import compact, inspection_events, round_openings
from tests.performance import scoring_delivery, scoring_fold
from tests.performance.bars import Bar
from tests.performance.contenders import SOURCE

PARTITIONS = 4
UNITS, ENTERPRISES = 8, 50
FAUST_SHARE = 4
TOPICS = ("scoring-state.v1", "risk.v1", "hazards.v1", "dead-letters.v1")
ROOT = Path(__file__).resolve().parents[2]
QUIX = ROOT / "build" / "quix"


@dataclass
class Bench:
    """One run on one broker; `costs` holds microseconds of CPU per event by contender, a value a repetition."""

    bootstrap: str
    repetitions: int
    full: int
    reduced: int
    quix: Path
    costs: dict[str, list[float]] = field(default_factory=dict)
    runs: int = 0

    async def prepare(self) -> None:
        """The source topic that all contenders read."""
        await self._topics([SOURCE])
        world = {"units": UNITS, "enterprises": ENTERPRISES}
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=20, max_batch_size=262_144)
        await producer.start()
        for event in [*round_openings(**world), *inspection_events(self.reduced, **world)]:
            await producer.send(SOURCE, compact(event), key=event.key.encode(), headers=list(headers(event)))
        await producer.stop()

    async def _topics(self, names: Sequence[str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        await admin.close()

    async def contend(self, name: str, reduced: bool, count: int) -> None:
        """One repetition of one contender over the first `count` events, as a process of its own."""
        self.runs += 1
        prefix = f"run{self.runs}."
        await self._topics([prefix + topic for topic in TOPICS])
        module = ["tests.performance.quix_contender"] if name == "quix" else ["tests.performance.contenders", name]
        asked = [sys.executable, "-m", *module, "--bootstrap", self.bootstrap]
        asked += ["--prefix", prefix, "--count", str(count), *(["--reduced"] if reduced else [])]
        folders = [str(ROOT), *([str(self.quix)] if name == "quix" else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
        done = await asyncio.to_thread(
            subprocess.run, asked, capture_output=True, check=False, env=environment, timeout=300, cwd=Path.cwd()
        )
        try:
            # Faust writes control characters of the terminal in front of it.
            found = json.loads(done.stdout[done.stdout.rindex(b"{") :])
        except ValueError:
            print(f"{name}: {done.stderr.decode()[-500:]}", file=sys.stderr)
            return
        label = f"{name}, {'reduced' if reduced else 'full'} fold"
        self.costs.setdefault(label, []).append(found["cpu_s"] / found["events"] * 1e6)

    def median(self, label: str) -> float | None:
        return statistics.median(self.costs[label]) if label in self.costs else None

    def ratio(self, one: str, other: str) -> float | None:
        a, b = self.median(one), self.median(other)
        return a / b if a and b else None


async def measured(bench: Bench) -> tuple[list[Bar], dict[str, float]]:
    """The bars, and figures beside them that have none."""
    await bench.prepare()
    for _ in range(bench.repetitions):
        for name in ("worker", "plain"):
            await bench.contend(name, False, bench.full)
        for name in ("worker", "plain", "quix"):
            await bench.contend(name, True, bench.reduced)
        # At ten times the cost of the others a part of the events is enough.
        await bench.contend("faust", True, bench.reduced // FAUST_SHARE)
    fold = scoring_fold.measure(bench.repetitions)
    delivery = await scoring_delivery.measure(bench.bootstrap, bench.repetitions)
    baseline = bench.ratio("plain, full fold", "worker, full fold")
    bars = [
        Bar("events per CPU-second, share of the plain loop's", baseline, 0.9, most=False),
        Bar("the fold, times the cost of parsing", fold["fold_per_parse_in_turn"], 3.0),
        Bar("cost with 500 enterprises a unit, times that with 20", fold["large_per_small"], 1.2),
        Bar("produce to committed output at 100/s, times a bare transaction", delivery["latency_ratio"], 3.0),
        Bar("restoring 200,000 rows, times reading them", delivery["restore_ratio"], 3.0),
        Bar("memory per enterprise (kB)", fold["kb_per_enterprise"], 8.0),
        Bar("reduced fold, times the plain loop", bench.ratio("worker, reduced fold", "plain, reduced fold"), 1.15),
        Bar("reduced fold, times Quix Streams", bench.ratio("worker, reduced fold", "quix, reduced fold"), 0.65),
    ]
    beside = {
        "the fold, times parsing into a list that is kept": fold["fold_per_parse"],
        "restoring and an event on every unit, times reading": delivery["restore_ratio_every_unit"],
    }
    return bars, {name: round(value, 3) for name, value in beside.items()}


def show(bench: Bench, bars: Sequence[Bar]) -> None:
    contenders = Table("contender", "CPU per event (µs, median)", "repetitions")
    for label, costs in bench.costs.items():
        contenders.add_row(label, f"{statistics.median(costs):.1f}", str(len(costs)))
    table = Table("bar", "measured", "bar", "")
    for bar in bars:
        table.add_row(bar.name, bar.measured, bar.text, "met" if bar.met else "MISSED")
    Console(width=120).print(contenders)
    Console(width=120).print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--full", type=int, default=10_000)
    parser.add_argument("--reduced", type=int, default=60_000)
    parser.add_argument("--quix", type=Path, default=QUIX, help="where `make bench-scoring` has put Quix Streams")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder)) as kafka:
        bench = Bench(kafka.bootstrap, given.repetitions, given.full, given.reduced, given.quix)
        bars, beside = asyncio.run(measured(bench))
    show(bench, bars)
    costs = {label: round(statistics.median(found), 1) for label, found in bench.costs.items()}
    passed = all(bar.met for bar in bars)
    found = {
        "bars": {bar.name: bar.as_json() for bar in bars},
        "beside": beside,
        "us_per_event": costs,
        "passed": passed,
    }
    print(json.dumps({"name": "bench-scoring", **found}))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
