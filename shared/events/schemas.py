"""Writes docs/events (JSON Schema per type, AsyncAPI) from the catalogue: `python -m shared.events.schemas
[DIRECTORY]`.

Refuses to overwrite a committed schema with one that breaks its readers.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.events.asyncapi import asyncapi
from shared.events.catalogue import CATALOGUE, PREFIX, EventType
from shared.events.compatibility import breaking

DIRECTORY = Path("docs/events")


def schema_of(spec: EventType) -> dict[str, Any]:
    """JSON Schema (2020-12) of a type's data, as readers accept it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"docs/events/{file_name(spec)}",
        **spec.model.model_json_schema(by_alias=True, mode="validation"),
        "x-type": spec.type,
        "x-topic": spec.topic,
        "x-key": "unit id" if spec.keyed_by_unit else "see topic",
    }


def file_name(spec: EventType) -> str:
    """`inspection.submitted.v1.json`: what `ce_dataschema` points to."""
    return f"{spec.type.removeprefix(PREFIX)}.json"


def documents() -> dict[str, str]:
    """Every file of docs/events by name."""
    schemas = {
        file_name(spec): f"{json.dumps(schema_of(spec), indent=2, ensure_ascii=False)}\n" for spec in CATALOGUE.values()
    }
    return {**schemas, "asyncapi.yaml": asyncapi()}


def breaks(committed: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """What the current models break of the committed schemas (file name -> text), each as "file path: what"."""
    found = []
    for name, text in sorted(committed.items()):
        if name not in current:
            found.append(f"{name}: the type is gone")
        else:
            found += [f"{name} {change}" for change in breaking(json.loads(text), json.loads(current[name]))]
    return found


def committed_in(directory: Path) -> dict[str, str]:
    """The schemas in a directory by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.json"))}


def write(directory: Path) -> list[str]:
    """Writes every document; nothing, and what would break, when a committed schema is broken."""
    current = documents()
    broken = breaks(committed_in(directory), current)
    if not broken:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in current.items():
            (directory / name).write_text(text, encoding="utf-8")
    return broken


def main(arguments: list[str]) -> int:
    """0 when written; 1 with each breaking path on stderr."""
    broken = write(Path(arguments[0]) if arguments else DIRECTORY)
    for each in broken:
        sys.stderr.write(f"{each}\n")
    if broken:
        sys.stderr.write("A breaking change needs a new major version and an upcaster; nothing was written.\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
