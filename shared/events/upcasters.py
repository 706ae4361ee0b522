"""Reading events of an older major version: each step turns the raw JSON of version n into that of n + 1. Called by
envelope.decode.

To retire a version: move the catalogue's row to the new type name, put the step from the old one into `UPCASTERS`, and
keep the old golden payload.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import Rejected
from shared.events.catalogue import CATALOGUE, EventType

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
Upcasters = Mapping[tuple[str, int], Upcast]
UPCASTERS: Upcasters = {}
"""(type without version, version read) -> step to the next version."""

_VERSIONED = re.compile(r"(?P<name>.+)\.v(?P<version>\d{1,4})")
_CURRENT = {row.type.rpartition(".v")[0]: row for row in CATALOGUE.values()}


def upcast(type_: str, value: bytes, upcasters: Upcasters) -> tuple[EventType, bytes]:
    """The current type of an event that is not in the catalogue, and its value brought up to it.

    Raises `Rejected`: `unknown_type`; `unknown_version` for one newer than this build, or older without a step;
    `schema`.
    """
    found = _VERSIONED.fullmatch(type_)
    spec = _CURRENT.get(found["name"]) if found else None
    if found is None or spec is None:
        raise Rejected("unknown_type", type_)
    name, version = found["name"], int(found["version"])
    steps = _steps(name, version, spec, upcasters)
    raw = _object(value)
    for step in steps:
        raw = _applied(step, raw, type_)
    return spec, json.dumps(raw).encode()


def _steps(name: str, version: int, spec: EventType, upcasters: Upcasters) -> list[Upcast]:
    current = int(spec.type.rpartition(".v")[2])
    if version > current:
        raise Rejected("unknown_version", f"{name}.v{version} is newer than {spec.type}: a newer build can read it")
    missing = [each for each in range(version, current) if (name, each) not in upcasters]
    if missing:
        raise Rejected("unknown_version", f"{name}.v{missing[0]} has no step to v{missing[0] + 1}")
    return [upcasters[name, each] for each in range(version, current)]


def _object(value: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(value)
    except (ValueError, RecursionError) as wrong:
        raise Rejected("schema", f"no JSON: {wrong}") from wrong
    if not isinstance(raw, dict):
        raise Rejected("schema", "the value is no JSON object")
    return raw


def _applied(step: Upcast, raw: dict[str, Any], type_: str) -> dict[str, Any]:
    try:
        return step(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise Rejected("schema", f"{type_} cannot be brought up: {wrong!r}") from wrong
