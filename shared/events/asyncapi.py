"""The AsyncAPI 3.0 document of the bus, from the catalogue; written to docs/events by shared.events.schemas."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.events.catalogue import CATALOGUE, PREFIX, EventType

WRITERS = {
    "inspections.v1": "intake",
    "registry.v1": "intake",
    "risk.v1": "scoring",
    "hazards.v1": "scoring",
    "alerts.v1": "notify",
}
KEYS = {
    "inspections.v1": "unit id",
    "registry.v1": "kind/id",
    "risk.v1": "unit id; partition number for fold.progressed",
    "hazards.v1": "unit id",
    "alerts.v1": "unit id",
}
KEPT = {"registry.v1": "Compacted"}
ATTRIBUTES = (
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_specversion",
    "ce_time",
    "ce_subject",
    "ce_dataschema",
    "content-type",
)
DEAD_LETTER = ("kc_reason", "kc_detail", "kc_source", "kc_service")


def asyncapi() -> str:
    """The document as YAML."""
    by_topic: dict[str, list[EventType]] = {}
    for spec in CATALOGUE.values():
        by_topic.setdefault(spec.topic, []).append(spec)
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Key County events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 on Kafka, binary mode: attributes in headers, the JSON of data as value.",
        },
        "defaultContentType": "application/json",
        "channels": {
            **{_slug(topic): _channel(topic, specs) for topic, specs in by_topic.items()},
            "deadLetters": _dead_letters(),
        },
        "operations": {f"{WRITERS[topic]}_{_slug(topic)}": _sends(topic, specs) for topic, specs in by_topic.items()},
        "components": {
            "messages": {_short(spec): _message(spec) for spec in CATALOGUE.values()},
            "schemas": {"cloudEvent": _headers(ATTRIBUTES, ("ce_correlationid", "traceparent"))},
        },
    }
    return "".join(f"{line}\n" for line in _yaml(document, 0))


def _channel(topic: str, specs: Sequence[EventType]) -> dict[str, Any]:
    return {
        "address": f"{PREFIX}{topic}",
        "description": f"Key: {KEYS[topic]}. {KEPT.get(topic, 'Kept for ever')}. Written by {WRITERS[topic]}.",
        "messages": {_short(spec): {"$ref": f"#/components/messages/{_short(spec)}"} for spec in specs},
    }


def _sends(topic: str, specs: Sequence[EventType]) -> dict[str, Any]:
    channel = f"#/channels/{_slug(topic)}"
    messages = [{"$ref": f"{channel}/messages/{_short(spec)}"} for spec in specs]
    return {"action": "send", "summary": f"{WRITERS[topic]} writes", "channel": {"$ref": channel}, "messages": messages}


def _message(spec: EventType) -> dict[str, Any]:
    return {
        "name": spec.type,
        "summary": (spec.model.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " "),
        "headers": {"$ref": "#/components/schemas/cloudEvent"},
        "payload": {"$ref": f"./{_short(spec)}.json"},
    }


def _dead_letters() -> dict[str, Any]:
    message = {
        "name": "deadLetter",
        "headers": _headers(DEAD_LETTER, ()),
        "payload": {"description": "The original bytes."},
    }
    return {
        "address": f"{PREFIX}dead-letters.v1",
        "description": "The original key, value and headers of what could not be handled, with the cause.",
        "messages": {"deadLetter": message},
    }


def _headers(required: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in (*required, *optional)}
    return {"type": "object", "required": list(required), "properties": properties}


def _short(spec: EventType) -> str:
    return spec.type.removeprefix(PREFIX)


def _slug(topic: str) -> str:
    return topic.partition(".")[0]


def _yaml(value: Mapping[str, Any] | Sequence[Any], depth: int) -> Iterator[str]:
    """YAML of mappings, sequences and scalars in block style; JSON scalars are YAML scalars."""
    indent = "  " * depth
    pairs = value.items() if isinstance(value, Mapping) else [(None, each) for each in value]
    for name, each in pairs:
        head = f"{indent}- " if name is None else f"{indent}{_name(name)}: "
        if isinstance(each, Mapping | list) and each:
            yield head.rstrip()
            yield from _yaml(each, depth + 1)
        else:
            yield head + json.dumps(each, ensure_ascii=False)


def _name(name: str) -> str:
    return name if name.replace("_", "").replace(".", "").isalnum() else json.dumps(name)
