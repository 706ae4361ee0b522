"""Exact or not: what the topics must hold is worked out from the source topic itself, raw, and from `keycounty
replay`."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.scoring.kafka import SOURCE, Seen, read
from tests.faults.scoring.traffic import BAD

KEYCOUNTY = Path(sys.executable).with_name("keycounty")


async def differences(bootstrap: str, prefix: str, settings: dict[str, str]) -> list[str]:
    """Everything that is not as one uninterrupted fold of the source would have left it; empty when exact."""
    names = (SOURCE, "hazards.v1", "risk.v1", "dead-letters.v1")
    source, hazards, risk, dead = [await read(bootstrap, prefix + name) for name in names]
    again = await asyncio.to_thread(replayed, settings)
    return [
        *_dead_letters(source, dead),
        *_counts(source, risk, again),
        *_twice(hazards + risk),
        *_hazards(hazards, again),
        *_last_outputs(hazards + risk, again),
        *([] if again["same"] else ["the live state is not that of a fold from the start"]),
    ]


def replayed(settings: dict[str, str]) -> dict[str, Any]:
    """The log folded again from its start by the command line tool."""
    done = subprocess.run(
        [str(KEYCOUNTY), "replay", "--json", "--outputs"],
        env={**os.environ, **settings},
        capture_output=True,
        check=False,
    )
    if not done.stdout:
        raise AssertionError(done.stderr.decode()[-2000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _dead_letters(source: list[Seen], dead: list[Seen]) -> list[str]:
    wanted = {f"{SOURCE}:{r.partition}:{r.offset}": r.value for r in source if r.header(BAD)}
    seen = Counter(record.header("kc_source") for record in dead)
    changed = [r.header("kc_source") for r in dead if wanted.get(r.header("kc_source"), r.value) != r.value]
    found = [f"{len(changed)} dead letters are not as they were"] if changed else []
    if seen != Counter(wanted.keys()):
        told = [
            (r.header("kc_reason"), r.header("kc_detail")[:200]) for r in dead if r.header("kc_source") not in wanted
        ]
        found.append(f"dead letters: {len(wanted)} wanted, {sum(seen.values())} seen; unexpected: {told[:3]}")
    return found


def expected_counts(source: list[Seen]) -> dict[int, Counter[str]]:
    """By partition: submissions applied, duplicates, and bad records, from subject and sequence alone."""
    counts: dict[int, Counter[str]] = {}
    last: dict[tuple[str, bytes | None], int] = {}
    for record in source:
        of = counts.setdefault(record.partition, Counter())
        if record.header(BAD):
            of["dead_lettered"] += 1
        elif (seq := json.loads(record.value or b"{}").get("seq")) is not None:
            subject = (record.header("ce_subject"), record.key)
            of["duplicate" if seq <= last.get(subject, 0) else "outcome"] += 1
            last[subject] = max(seq, last.get(subject, 0))
    return counts


def _counts(source: list[Seen], risk: list[Seen], again: dict[str, Any]) -> list[str]:
    told: dict[int, dict[str, Any]] = {}
    for record in risk:
        if record.header("ce_type").endswith("fold.progressed.v1"):
            told[record.partition] = json.loads(record.value or b"{}")
    found = []
    for number, wanted in expected_counts(source).items():
        for who, counts in (("worker", told.get(number, {})), ("replay", again["partitions"].get(str(number), {}))):
            seen = Counter({name: counts.get(name, 0) for name in ("duplicate", "dead_lettered")})
            seen["outcome"] = sum(counts.get(name, 0) for name in ("applied", "superseded", "drill"))
            if +seen != +wanted:
                found.append(f"partition {number} by the {who}: {dict(wanted)} wanted, {dict(seen)} seen")
    return found


def _twice(records: list[Seen]) -> list[str]:
    seen = Counter((record.header("ce_type"), record.header("ce_id")) for record in records)
    twice = [each for each, count in seen.items() if count > 1]
    return [f"{len(twice)} events are visible twice, such as {twice[0]}"] if twice else []


def _hazards(hazards: list[Seen], again: dict[str, Any]) -> list[str]:
    wanted, seen = Counter(again["hazards"]), Counter(record.header("ce_id") for record in hazards)
    if wanted == seen:
        return []
    return [f"hazards: {(wanted - seen).total()} are missing, {(seen - wanted).total()} are too many"]


def _last_outputs(records: list[Seen], again: dict[str, Any]) -> list[str]:
    last = {
        f"{r.header('ce_type')}|{r.header('ce_subject')}": hashlib.sha256(r.value or b"").hexdigest() for r in records
    }
    wrong = [name for name in last.keys() | again["last"].keys() if last.get(name) != again["last"].get(name)]
    return [f"{len(wrong)} last outputs differ, such as {sorted(wrong)[0]}"] if wrong else []
