"""Which changes of an event's JSON Schema break its readers, by path; used by shared.events.schemas and the
compatibility gate.

Compatible is a new optional field, and whatever only describes (title, description, default). Everything else needs a
new major version and an upcaster.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_DESCRIBING = frozenset({"title", "description", "default", "examples", "$defs", "$id", "$schema", "$comment"})
_DESCENDED = frozenset({"properties", "required", "items", "prefixItems", "anyOf", "additionalProperties"})


def breaking(old: Schema, new: Schema) -> list[str]:
    """Each breaking change as "path: what"; empty when every reader and every old record goes on working."""
    return list(_compare("", old, new, old, new))


def _compare(path: str, old: Any, new: Any, old_root: Schema, new_root: Schema) -> Iterator[str]:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        if old != new:
            yield f"{path or '/'}: retyped ({_shown(old)} -> {_shown(new)})"
        return
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    plain_old, plain_new = _plain(old), _plain(new)
    if plain_old != plain_new:
        changed = sorted(
            name for name in plain_old.keys() | plain_new.keys() if plain_old.get(name) != plain_new.get(name)
        )
        said = ", ".join(f"{name} {_shown(plain_old.get(name))} -> {_shown(plain_new.get(name))}" for name in changed)
        yield f"{path or '/'}: retyped ({said})"
        return
    yield from _fields(path, old, new, old_root, new_root)
    for word, step in (("items", "[]"), ("additionalProperties", "{}")):
        if word in old or word in new:
            yield from _compare(path + step, old.get(word, True), new.get(word, True), old_root, new_root)
    for word in ("anyOf", "prefixItems"):
        yield from _choices(path, old.get(word, ()), new.get(word, ()), old_root, new_root)


def _fields(path: str, old: Schema, new: Schema, old_root: Schema, new_root: Schema) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed = set(old.get("required", ())), set(new.get("required", ()))
    added = after.keys() - before.keys()
    for name in before:
        at = f"{path}/{name}"
        if name not in after:
            yield f"{at}: removed" + _renamed(_resolved(before[name], old_root), after, added, new_root)
            continue
        yield from _compare(at, before[name], after[name], old_root, new_root)
        if name in needed and name not in needed_before:
            yield f"{at}: newly required"
        if name in needed_before and name not in needed:
            yield f"{at}: no longer required, older readers need it"
    yield from (f"{path}/{name}: new and required" for name in sorted(added & needed))


def _choices(path: str, old: Any, new: Any, old_root: Schema, new_root: Schema) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{path or '/'}: retyped ({_shown(old)} -> {_shown(new)})"
        return
    for before, after in zip(old, new, strict=True):
        yield from _compare(path, before, after, old_root, new_root)


def _renamed(gone: Schema, after: Mapping[str, Schema], added: set[str], root: Schema) -> str:
    alike = sorted(name for name in added if _plain(_resolved(after[name], root)) == _plain(gone))
    return f" (renamed to {' or '.join(alike)}?)" if alike else ""


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _plain(schema: Schema) -> dict[str, Any]:
    """What a schema says of the value itself; the order of `enum` and `required` does not matter."""
    found = {word: given for word, given in schema.items() if word not in _DESCRIBING | _DESCENDED}
    if "enum" in found:
        found["enum"] = sorted(found["enum"], key=repr)
    return found


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("type", value.get("$ref", "object")))
    if isinstance(value, list | tuple):
        return " | ".join(_shown(each) for each in value) or "nothing"
    return "nothing" if value is None else str(value)
