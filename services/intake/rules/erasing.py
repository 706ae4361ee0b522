"""What is left of a record without a person. Pure; called by the erasing use case."""

from typing import Any

import orjson

from services.intake.rules.becomings import person_id
from services.intake.rules.bodies import Person


def without(record: bytes, erased: str, key: bytes) -> bytes:
    """The body with the person's id in place of name, position and phone, wherever it names them."""
    body = orjson.loads(record)
    if "inspector" in body:
        body["inspector"] = _left(body["inspector"], erased, key)
    if "responsible" in body:
        body["responsible"] = {role: _left(named, erased, key) for role, named in body["responsible"].items()}
    return orjson.dumps(body)


def _left(named: Any, erased: str, key: bytes) -> Any:
    if named is None or "name" not in named:
        return named
    return {"person_id": erased} if person_id(Person(**named), key) == erased else named
