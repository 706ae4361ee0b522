"""What "exact" means, checked from the source topic alone: used over the broker in memory and over the real one."""

from services.scoring.handlers import CHANGELOG, DEAD_LETTERS, SOURCE, fold_batch
from shared.bus import Delivery, Record
from tests.contract.scoring.toy_fold import PROGRESS
from tests.contract.scoring.worlds import World

HAZARDS = "hazards.v1"
RISK = "risk.v1"


async def differences(world: World) -> list[str]:
    """What a reader of committed records sees other than one uninterrupted fold of the source would have given; empty
    when exact."""
    source = await world.visible(SOURCE)
    expected = {number: fold_batch(world.new_fold(number), number, records) for number, records in source.items()}
    found = []
    for topic in (HAZARDS, DEAD_LETTERS):
        seen = await world.visible(topic)
        for number, records in expected.items():
            found += _compare(
                topic, number, [_said(r) for r in records if r.topic == topic], [_said(r) for r in seen.get(number, [])]
            )
    rows = await world.visible(CHANGELOG)
    for number, records in expected.items():
        wanted = {r.key: r.value for r in records if r.topic == CHANGELOG}
        found += _compare_rows(number, wanted, {r.key: r.value for r in rows.get(number, [])})
    return found


def _said(record: Record | Delivery) -> tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]:
    return record.key, record.value, tuple(record.headers)


def _compare(topic: str, number: int, wanted: list[object], seen: list[object]) -> list[str]:
    if wanted == seen:
        return []
    at = next((i for i, (a, b) in enumerate(zip(wanted, seen, strict=False)) if a != b), min(len(wanted), len(seen)))
    twice = len(seen) - len(set(map(repr, seen)))
    return [
        f"{topic} {number}: {len(wanted)} records wanted, {len(seen)} seen, {twice} twice, first difference at {at}"
    ]


def _compare_rows(
    number: int, wanted: dict[bytes | None, bytes | None], seen: dict[bytes | None, bytes | None]
) -> list[str]:
    wrong = [key for key in wanted.keys() | seen.keys() if wanted.get(key) != seen.get(key)]
    return [
        f"row {key!r} of partition {number}: {wanted.get(key)!r} wanted, {seen.get(key)!r} seen" for key in wrong[:3]
    ]


__all__ = ["HAZARDS", "PROGRESS", "RISK", "differences"]
