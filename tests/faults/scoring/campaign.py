"""`python -m tests.faults.scoring.campaign --rounds N`: rounds of every kind in turn; a table, then one line of
JSON."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.kafka import LocalKafka
from tests.faults.scoring.rounds import STORIES, Result, a_mismatch, a_round

KINDS = [*STORIES, "broker killed", "rule set mismatch"]
ONE_OF_THREE = len(STORIES)  # the place in KINDS of the rounds with three brokers


async def campaign(rounds: int, first: int, folder: Path) -> list[Result]:
    """Rounds with one broker, then those with three."""
    plan = [(number % len(KINDS), first + number) for number in range(rounds)]
    results: list[Result] = []
    for nodes, mine in ((1, [p for p in plan if p[0] != ONE_OF_THREE]), (3, [p for p in plan if p[0] == ONE_OF_THREE])):
        if mine:
            with LocalKafka(folder / f"kafka-{nodes}", nodes=nodes) as kafka:
                results += [await _one(kafka, folder, place, seed) for place, seed in mine]
    return results


async def _one(kafka: LocalKafka, folder: Path, place: int, seed: int) -> Result:
    kind = KINDS[place]
    result = await (
        a_mismatch(kafka, folder, seed) if kind == "rule set mismatch" else a_round(kafka, folder, kind, seed)
    )
    if place == ONE_OF_THREE:
        result = replace(result, kind="one of three brokers killed")
    print(
        f"{result.kind} {seed}: {result.found or 'exact'} in {result.seconds:.0f} s, {result.told} {result.late}",
        file=sys.stderr,
    )
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(campaign(given.rounds, given.seed, Path(folder)))
    Console().print(table(results))
    found = figures(results)
    passed = not found["found"] and not found["late"]
    print(json.dumps({"name": "faults-scoring", **found, "passed": passed}))
    return 0 if passed else 1


def by_kind(results: Sequence[Result]) -> dict[str, list[Result]]:
    kinds: dict[str, list[Result]] = {}
    for result in results:
        kinds.setdefault(result.kind, []).append(result)
    return kinds


def table(results: Sequence[Result]) -> Table:
    """A row for each kind of fault."""
    made = Table("kind", "rounds", "exact", "events", "slowest (s)")
    for kind, of in by_kind(results).items():
        slowest = "; ".join(f"{name} {seconds}" for name, seconds in slowest_times(of).items())
        made.add_row(kind, str(len(of)), str(exact(of)), str(sum(result.events for result in of)), slowest)
    return made


def figures(results: Sequence[Result]) -> dict[str, object]:
    """For the line of JSON: rounds and exact ones, of each kind too; the slowest times; what was not exact, or
    over its bar."""
    return {
        "rounds": len(results),
        "exact": exact(results),
        "kinds": {kind: {"rounds": len(of), "exact": exact(of)} for kind, of in by_kind(results).items()},
        "slowest_s": slowest_times(results),
        "found": {f"{result.kind} {result.seed}": result.found for result in results if result.found},
        "late": {f"{result.kind} {result.seed}": result.late for result in results if result.late},
    }


def exact(results: Sequence[Result]) -> int:
    return sum(not result.found for result in results)


def slowest_times(results: Sequence[Result]) -> dict[str, float]:
    names = sorted({name for result in results for name in result.times})
    return {name: round(max(result.times.get(name, 0.0) for result in results), 1) for name in names}


if __name__ == "__main__":
    sys.exit(main())
