"""The registry of dated rule sets: loaded once at start by each service's wiring, then handed to the rules as an argument."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from shared.events.base import RuleSetRef
from shared.rulesets import alert_policy, checklists, decree493, gb18218, grading, installations, parks, unit_index, working_days
from shared.rulesets.tables import InvalidRules, Rules, document, rules

PACKAGED = Path(__file__).parent / "data"
MANIFEST = "rulesets.toml"
T = TypeVar("T")
Files = Mapping[str, bytes]


class NotInForce(LookupError):
    """No version of the rule set holds on that day."""


class UnknownRuleSet(LookupError):
    """No such rule set, or not in that version."""


class Entry(Rules):
    """One entry of the manifest: a dated rule set and the files it is made of (role -> file name)."""

    id: str
    version: int | None = Field(default=None, ge=1)
    kind: Literal[
        "gb18218", "checklist", "grading", "decree493", "parks", "unit_index", "old_installations", "alert_policy", "working_days"
    ]
    effective_from: date
    effective_to: date | None = None
    source: str
    files: dict[str, str] = Field(min_length=1)
    in_log: bool = True
    confirmed: bool = True
    note: str | None = None
    title: dict[Literal["zh", "en"], str] = Field(default_factory=dict)
    every_finding_is_major: bool = False
    ref_required: bool = False


class Manifest(Rules):
    """The manifest file."""

    rule_set: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A dated rule set. `effective_to` is the last day it holds (None: no end); `sha256` (hex) is that of its file's bytes.

    A set of several files has the SHA-256 of the lines "<sha256 of the file>  <file name>\\n" in the manifest's order, as `sha256sum` prints them.
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
        """The one in force on a day: the latest `effective_from`, then the highest version. Raises `UnknownRuleSet`, `NotInForce`."""
        found = [candidate for candidate in self._versions(id) if candidate.holds_on(day)]
        if not found:
            raise NotInForce(f"{id} holds no version on {day.isoformat()}")
        return found[-1]

    def get(self, id: str, version: int) -> RuleSet:
        """One version. Raises `UnknownRuleSet`."""
        found = self._by_version.get((id, version))
        if found is None:
            raise UnknownRuleSet(f"{id}@{version} is not at hand; known: {', '.join(each.label for each in self.all())}")
        return found

    def checklist(self, id: str, day: date | None = None) -> checklists.Checklist:
        """A checklist: the version in force on the day, the latest without a day. Raises `UnknownRuleSet`, `NotInForce`."""
        return (self._versions(id)[-1] if day is None else self.at(id, day)).of(checklists.Checklist)

    def checklists(self) -> tuple[checklists.Checklist, ...]:
        """The latest version of each checklist."""
        latest = [versions[-1].value for versions in self._by_id.values()]
        return tuple(found for found in latest if isinstance(found, checklists.Checklist))

    def mismatches(self, refs: Iterable[RuleSetRef]) -> list[str]:
        """What keeps results of the log's rule sets from being worked out here: a version not at hand, or with another hash."""
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


def load(directory: Path | None = None) -> RuleSets:
    """The packaged rule sets with a site's own: its `rulesets.toml` adds entries, and a file named like a packaged one stands in its place.

    A TOML rule file with a new `version` is added beside the packaged version; with the same version it replaces it.
    Raises `InvalidRules` naming everything wrong in all files.
    """
    errors: list[str] = []
    found: dict[tuple[str, int], RuleSet] = {}
    for entry, folders in _entries(directory, errors):
        try:
            rule_set = _rule_set(entry, folders)
            found[rule_set.id, rule_set.version] = rule_set
        except InvalidRules as wrong:
            errors += wrong.errors
    if errors:
        raise InvalidRules(errors)
    return RuleSets(found.values())


def _entries(directory: Path | None, errors: list[str]) -> list[tuple[Entry, tuple[Path, ...]]]:
    packaged = _manifest(PACKAGED / MANIFEST, errors)
    found: list[tuple[Entry, tuple[Path, ...]]] = [(entry, (PACKAGED,)) for entry in packaged]
    if directory is None:
        return found
    if not directory.is_dir():
        errors.append(f"{directory}: no such directory")
        return found
    own = _manifest(directory / MANIFEST, errors) if (directory / MANIFEST).exists() else ()
    here = {path.name for path in directory.iterdir() if path.suffix in (".csv", ".toml") and not path.name.startswith(".")} - {MANIFEST}
    unnamed = here - {name for entry in (*packaged, *own) for name in entry.files.values()}
    errors.extend(f"{directory / name}: no rule set names this file" for name in sorted(unnamed))
    replacing = [entry for entry in packaged if here & set(entry.files.values())]
    return found + [(entry, (directory, PACKAGED)) for entry in (*replacing, *own)]


def _manifest(path: Path, errors: list[str]) -> tuple[Entry, ...]:
    try:
        return rules(path.name, document(path.name, path.read_bytes()), Manifest).rule_set
    except InvalidRules as wrong:
        errors += wrong.errors
        return ()


def _rule_set(entry: Entry, folders: tuple[Path, ...]) -> RuleSet:
    files = _read(entry, folders)
    value, stated = _PARSERS[entry.kind](entry, files)
    version = stated.get("version", entry.version)
    _check_identity(entry, stated, version)
    return RuleSet(
        id=entry.id,
        version=version,
        effective_from=stated.get("effective_from", entry.effective_from),
        effective_to=stated.get("effective_to", entry.effective_to),
        sha256=_digest(entry, files),
        source=entry.source,
        value=value,
        in_log=entry.in_log,
        confirmed=entry.confirmed,
        note=entry.note,
    )


def _check_identity(entry: Entry, stated: Mapping[str, Any], version: object) -> None:
    if stated.get("id", entry.id) != entry.id:
        raise InvalidRules([f"{entry.id}: its file states the id {stated['id']}"])
    if not isinstance(version, int) or version < 1:
        raise InvalidRules([f"{entry.id}: no version, or one below 1, in the manifest and the file"])


def _read(entry: Entry, folders: tuple[Path, ...]) -> dict[str, bytes]:
    found, missing = {}, []
    for name in entry.files.values():
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            missing.append(f"{entry.id}: file {name} is missing")
        else:
            found[name] = path.read_bytes()
    if missing:
        raise InvalidRules(missing)
    return found


def _digest(entry: Entry, files: Files) -> str:
    sums = [(hashlib.sha256(files[name]).hexdigest(), name) for name in entry.files.values()]
    if len(sums) == 1:
        return sums[0][0]
    return hashlib.sha256("".join(f"{digest}  {name}\n" for digest, name in sums).encode()).hexdigest()


def _tables(parse: Any) -> Any:
    def parsed(entry: Entry, files: Files) -> tuple[object, Mapping[str, Any]]:
        by_role = {role: (name, files[name]) for role, name in entry.files.items()}
        try:
            return parse(**by_role), {}
        except TypeError as wrong:
            raise InvalidRules([f"{entry.id}: its files do not fit the kind {entry.kind} ({wrong})"]) from wrong

    return parsed


def _toml(model: type[Rules]) -> Any:
    def parsed(entry: Entry, files: Files) -> tuple[object, Mapping[str, Any]]:
        ((name, content),) = files.items()
        stated = document(name, content)
        return rules(name, stated, model), stated

    return parsed


def _checklist(entry: Entry, files: Files) -> tuple[object, Mapping[str, Any]]:
    ((name, content),) = files.items()
    found = checklists.parse(
        (name, content),
        id=entry.id,
        version=entry.version or 0,
        title=entry.title,
        effective_from=entry.effective_from,
        effective_to=entry.effective_to,
        every_finding_is_major=entry.every_finding_is_major,
        ref_required=entry.ref_required,
        confirmed=entry.confirmed,
        note=entry.note,
        source=entry.source,
    )
    return found, {}


_PARSERS: dict[str, Any] = {
    "gb18218": _tables(gb18218.parse),
    "grading": _tables(grading.parse),
    "decree493": _tables(decree493.parse),
    "parks": _tables(parks.parse),
    "working_days": _tables(working_days.parse),
    "checklist": _checklist,
    "unit_index": _toml(unit_index.UnitIndex),
    "old_installations": _toml(installations.OldInstallations),
    "alert_policy": _toml(alert_policy.AlertPolicy),
}
