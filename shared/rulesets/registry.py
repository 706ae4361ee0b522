"""The dated rule sets at hand: loaded once at start by each service's wiring, then handed to the rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from shared.events.base import RuleSetRef
from shared.rulesets.checklists import Checklist

T = TypeVar("T")


class NotInForce(LookupError):
    """No version of the rule set holds on that day."""


class UnknownRuleSet(LookupError):
    """No such rule set, or not in that version."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A dated rule set. `effective_to` is the last day it holds (None: no end); `sha256` (hex) is that of its file's
    bytes.

    A set of several files has the SHA-256 of the lines "<sha256 of the file>  <file name>\\n" in the manifest's order,
    as `sha256sum` prints them.
    """

    id: str
    version: int
    effective_from: date
    effective_to: date | None
    sha256: str
    source: str
    value: object
    in_log: bool = True
    confirmed: bool = True
    note: str | None = None

    @property
    def ref(self) -> RuleSetRef:
        """How events name it."""
        return RuleSetRef(id=self.id, version=self.version, sha256=self.sha256)

    @property
    def label(self) -> str:
        """Id and version for readers, such as `unit-index@1`."""
        return f"{self.id}@{self.version}"

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on the day."""
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)

    def of(self, type_: type[T]) -> T:
        """Its typed content: `rule_set.of(gb18218.Table)`. Raises TypeError for another kind."""
        if not isinstance(self.value, type_):
            raise TypeError(f"{self.label} holds {type(self.value).__name__}, not {type_.__name__}")
        return self.value


class RuleSets:
    """All rule sets at hand, several versions of one id side by side."""

    def __init__(self, rule_sets: Iterable[RuleSet]) -> None:
        ordered = sorted(rule_sets, key=lambda found: (found.id, found.effective_from, found.version))
        self._by_version = {(found.id, found.version): found for found in ordered}
        self._by_id: dict[str, list[RuleSet]] = {}
        for found in ordered:
            self._by_id.setdefault(found.id, []).append(found)

    def all(self) -> tuple[RuleSet, ...]:
        """Every rule set, by id, then by date."""
        return tuple(self._by_version.values())

    def refs(self) -> tuple[RuleSetRef, ...]:
        """Those whose results enter the log (not the alert policy, not working days): what `round.opened` names."""
        return tuple(found.ref for found in self.all() if found.in_log)

    def at(self, id: str, day: date) -> RuleSet:
        """The one in force on a day: the latest `effective_from`, then the highest version. Raises `UnknownRuleSet`,
        `NotInForce`.
        """
        found = [candidate for candidate in self._versions(id) if candidate.holds_on(day)]
        if not found:
            raise NotInForce(f"{id} holds no version on {day.isoformat()}")
        return found[-1]

    def versions(self, id: str) -> tuple[RuleSet, ...]:
        """Every version at hand, oldest first; none of an unknown id."""
        return tuple(self._by_id.get(id, ()))

    def get(self, id: str, version: int) -> RuleSet:
        """One version. Raises `UnknownRuleSet`."""
        found = self._by_version.get((id, version))
        if found is None:
            raise UnknownRuleSet(
                f"{id}@{version} is not at hand; known: {', '.join(each.label for each in self.all())}"
            )
        return found

    def checklist(self, id: str, day: date | None = None) -> Checklist:
        """A checklist: the version in force on the day, the latest without a day. Raises `UnknownRuleSet`,
        `NotInForce`.
        """
        return (self._versions(id)[-1] if day is None else self.at(id, day)).of(Checklist)

    def checklists(self) -> tuple[Checklist, ...]:
        """The latest version of each checklist."""
        latest = [versions[-1].value for versions in self._by_id.values()]
        return tuple(found for found in latest if isinstance(found, Checklist))

    def mismatches(self, refs: Iterable[RuleSetRef]) -> list[str]:
        """What keeps results of the log's rule sets from being worked out here: a version not at hand, or with another
        hash.
        """
        found = []
        for ref in refs:
            own = self._by_version.get((ref.id, ref.version))
            if own is None:
                found.append(f"{ref.id}@{ref.version} is not at hand")
            elif own.sha256 != ref.sha256:
                found.append(f"{ref.id}@{ref.version} has SHA-256 {own.sha256}, the log says {ref.sha256}")
        return found

    def _versions(self, id: str) -> list[RuleSet]:
        if id not in self._by_id:
            raise UnknownRuleSet(f"no rule set {id}; known: {', '.join(sorted(self._by_id))}")
        return self._by_id[id]
