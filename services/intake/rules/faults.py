"""One thing wrong with a request, as every rule reports it; `texts` says it to a person."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from services.intake.rules.bodies import Undecided

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fault:
    """`pointer` is a JSON pointer into the body (or `query:name`, `header:name`), `code` is stable, `values` fill the
    text's blanks.
    """

    pointer: str
    code: str
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


class Faulty(Exception):
    """Everything wrong with a request at once."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.pointer or '/'}: {fault.code}" for fault in self.faults))


def fault(pointer: str, code: str, /, **values: Any) -> Fault:
    """A fault with the values of its text's blanks."""
    return Fault(pointer, code, values)


def escape(part: str | int) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")


def decided(found: Iterable[Fault]) -> Iterator[Fault]:
    """The faults up to where a field that could not be read was needed; of a body read whole, all."""
    try:
        yield from found
    except Undecided:
        return
