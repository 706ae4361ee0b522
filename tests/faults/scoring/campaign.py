"""`python -m tests.faults.scoring.campaign --rounds N`: rounds of every kind in turn; a table, then one line of
JSON."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import defaultdict
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
        result = Result(
            "one of three brokers killed", *(getattr(result, name) for name in result.__annotations__ if name != "kind")
        )
    print(f"{result.kind} {seed}: {result.found or 'exact'} in {result.seconds:.0f} s, {result.told}", file=sys.stderr)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(campaign(given.rounds, given.seed, Path(folder)))
    table, kinds = Table("kind", "rounds", "exact", "events"), defaultdict(list)
    for result in results:
        kinds[result.kind].append(result)
    for kind, of in kinds.items():
        table.add_row(kind, str(len(of)), str(sum(not r.found for r in of)), str(sum(r.events for r in of)))
    Console().print(table)
    exact = sum(not result.found for result in results)
    found = {f"{result.kind} {result.seed}": result.found for result in results if result.found}
    print(
        json.dumps(
            {"name": "faults-scoring", "rounds": len(results), "exact": exact, "found": found} | {"passed": not found}
        )
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
