"""The frozen log and what it folds to. `python -m tests.unit.scoring.frozen --because REASON` records the outcome anew.

All events are synthetic. The log was written once by `python -m tests.log_records` and does not follow its generator.
"""

import argparse
import hashlib
import json
import lzma
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from services.scoring.rules.fold import PartitionFold
from shared.bus import Delivery
from shared.errors import Rejected
from shared.events.envelope import Event, decode, encode
from shared.rulesets import RuleSets, load

LOG = Path(__file__).with_name("frozen_log.ndjson.xz")
OUTCOME = Path(__file__).with_name("frozen_outcome.json")
Outcome = dict[str, Any]


def deliveries() -> list[Delivery]:
    """The frozen log as one partition."""
    lines = lzma.decompress(LOG.read_bytes()).splitlines()
    return [_delivery(offset, json.loads(line)) for offset, line in enumerate(lines)]


def _delivery(offset: int, line: dict[str, Any]) -> Delivery:
    headers = tuple((name, text.encode()) for name, text in line["headers"])
    return Delivery("inspections.v1", 0, offset, line["key"].encode(), line["value"].encode(), headers, 0)


def folded(records: Iterable[Delivery], rules: RuleSets | None = None) -> Outcome:
    """By unit: the state's hash, and for each type of event and field a digest over the last outputs of all
    subjects."""
    fold, last = PartitionFold(rules or load(), 0), dict[tuple[str, str], Event]()
    for record in records:
        try:
            fold.apply(decode(record.key, record.value, record.headers), record.offset)
        except Rejected:
            fold.note_dead_letter(record.offset)
        last |= {(event.type, event.subject): event for event in fold.flush().events}
    units: Outcome = {}
    for unit, state in sorted(fold.state_hash().items()):
        events = [event for _, event in sorted(last.items(), key=lambda item: item[0]) if event.key == unit]
        units[unit] = {"state": state, "outputs": _fields(events)}
    return units


def _fields(events: Iterable[Event]) -> dict[str, str]:
    digests: dict[str, Any] = {}
    for event in events:
        for name, value in json.loads(encode(event)).items():
            digest = digests.setdefault(f"{event.type.removeprefix('keycounty.')} {name}", hashlib.sha256())
            digest.update(json.dumps([event.subject, value], sort_keys=True).encode())
    return {name: digest.hexdigest()[:16] for name, digest in sorted(digests.items())}


def first_difference(recorded: Outcome, found: Outcome) -> str | None:
    """The first unit and field that differ, or None."""
    for unit in sorted(recorded.keys() | found.keys()):
        old, new = recorded.get(unit), found.get(unit)
        if old is None or new is None:
            return f"{unit}: {'is new' if old is None else 'is gone'}"
        for name in sorted(old["outputs"].keys() | new["outputs"].keys()):
            if old["outputs"].get(name) != new["outputs"].get(name):
                return f"{unit}: {name}"
        if old["state"] != new["state"]:
            return f"{unit}: the state, though no output shows it"
    return None


def rule_sets() -> dict[str, str]:
    return {f"{ref.id}@{ref.version}": ref.sha256 for ref in load().refs()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--because", required=True, help="why the outcome may change; kept with it")
    recorded = {"because": parser.parse_args().because, "rule_sets": rule_sets(), "units": folded(deliveries())}
    OUTCOME.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
