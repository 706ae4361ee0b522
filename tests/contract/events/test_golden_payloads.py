"""Payloads as they were written once, one per event type and version: they must be readable for ever.

A new type or version adds a file; a file is never changed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.events.catalogue import CATALOGUE, PREFIX
from shared.events.envelope import Event, decode, encode, headers

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


def event_in(path: Path) -> Event:
    stored = json.loads(path.read_text(encoding="utf-8"))
    attributes = [(name, text.encode()) for name, text in stored["headers"].items()]
    return decode(stored["key"].encode(), json.dumps(stored["value"]).encode(), attributes)


def lost(stored: Any, read: Any, path: str = "") -> list[str]:
    """Paths of a stored value that reading and writing again does not give back."""
    if isinstance(stored, Mapping):
        found = [f"{path}/{name}" for name in stored if not isinstance(read, Mapping) or name not in read]
        return found or [each for name in stored for each in lost(stored[name], read[name], f"{path}/{name}")]
    if isinstance(stored, list) and isinstance(read, list) and len(stored) == len(read):
        pairs = enumerate(zip(stored, read, strict=True))
        return [each for index, (one, other) in pairs for each in lost(one, other, f"{path}/{index}")]
    return [] if stored == read else [path]


def test_every_event_type_has_a_golden_payload() -> None:
    stored = {f"{PREFIX}{path.stem}" for path in GOLDEN}
    assert set(CATALOGUE) - stored == set()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_payload_is_read_and_nothing_in_it_is_lost(path: Path) -> None:
    event = event_in(path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert lost(stored["value"], json.loads(encode(event))) == []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_envelope_is_read_and_written_the_same(path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["headers"]["ce_type"] in CATALOGUE:  # an older version is written as the current one
        assert {name: text.decode() for name, text in headers(event_in(path))} == stored["headers"]


def test_a_lost_field_is_named_by_its_path() -> None:
    assert lost({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}) == ["/a/0/c"]
    assert lost({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == ["/a/0/b"]
