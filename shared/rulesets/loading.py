"""Loading of rule sets from the packaged files and a site's own directory; called by each service's wiring at start."""

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from shared.rulesets import (
    alert_policy,
    checklists,
    decree493,
    gb18218,
    grading,
    installations,
    parks,
    unit_index,
    working_days,
)
from shared.rulesets.registry import RuleSet, RuleSets
from shared.rulesets.tables import InvalidRules, Rules, document, require, rules

PACKAGED = Path(__file__).parent / "data"
MANIFEST = "rulesets.toml"
Files = Mapping[str, bytes]
Kind = Literal[
    "alert_policy",
    "checklist",
    "decree493",
    "gb18218",
    "grading",
    "old_installations",
    "parks",
    "unit_index",
    "working_days",
]


class Entry(Rules):
    """One entry of the manifest: a dated rule set and the files it is made of (role -> file name)."""

    id: str
    version: int | None = Field(default=None, ge=1)
    kind: Literal[
        "gb18218",
        "checklist",
        "grading",
        "decree493",
        "parks",
        "unit_index",
        "old_installations",
        "alert_policy",
        "working_days",
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


def load(directory: Path | None = None) -> RuleSets:
    """The packaged rule sets with a site's own: its `rulesets.toml` adds entries, and a file named like a packaged one
    stands in its place.

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


def packaged_files() -> Mapping[str, tuple[str, ...]]:
    """The file names of each packaged rule set, by its id."""
    return {entry.id: tuple(entry.files.values()) for entry in _manifest(PACKAGED / MANIFEST, [])}


def _entries(directory: Path | None, errors: list[str]) -> list[tuple[Entry, tuple[Path, ...]]]:
    packaged = _manifest(PACKAGED / MANIFEST, errors)
    found: list[tuple[Entry, tuple[Path, ...]]] = [(entry, (PACKAGED,)) for entry in packaged]
    if directory is None:
        return found
    if not directory.is_dir():
        errors.append(f"{directory}: no such directory")
        return found
    own = _manifest(directory / MANIFEST, errors) if (directory / MANIFEST).exists() else ()
    names = {path.name for path in directory.iterdir() if path.suffix in (".csv", ".toml")}
    here = {name for name in names if not name.startswith(".")} - {MANIFEST}
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
    def parsed(_: Entry, files: Files) -> tuple[object, Mapping[str, Any]]:
        ((name, content),) = files.items()
        stated = document(name, content)
        return rules(name, stated, model), stated

    return parsed


def _checklist(entry: Entry, files: Files) -> tuple[object, Mapping[str, Any]]:
    ((name, content),) = files.items()
    untitled = [
        f"{entry.id}: no title in {locale}" for locale in get_args(checklists.Locale) if locale not in entry.title
    ]
    require(untitled)
    found = checklists.Checklist(
        id=entry.id,
        version=entry.version or 0,
        title=entry.title,
        items=checklists.parse((name, content)),
        every_finding_is_major=entry.every_finding_is_major,
        ref_required=entry.ref_required,
        effective_from=entry.effective_from,
        effective_to=entry.effective_to,
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
