"""The format of a backup: a folder with a file of extended JSON lines for each collection, and a manifest of hashes.

The manifest is written last: a folder without one holds a backup that was broken off.
"""

import gzip
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from bson.binary import UuidRepresentation
from bson.json_util import JSONMode, JSONOptions, dumps, loads
from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.local.data_dir import write_private

MANIFEST = "manifest.json"
SECRETS = "secrets"
PAGE = 200
BLOCK = 1024 * 1024
Document = dict[str, Any]
_CANONICAL = JSONOptions(json_mode=JSONMode.CANONICAL, uuid_representation=UuidRepresentation.STANDARD, tz_aware=True)


class BackupError(Exception):
    """A backup cannot be taken or brought back; `faults` says everything that stands against it."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


class Entry(BaseModel):
    """One file: its SHA-256 (hex), its size in bytes, and how many documents it holds (None: not a collection)."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    bytes: int
    documents: int | None = None


class Manifest(BaseModel):
    """What a backup says of itself. `signing_keys` are the ids of the keys that sign its deployment's receipts."""

    model_config = ConfigDict(frozen=True)

    format: Literal["keycounty-backup"] = "keycounty-backup"
    version: Literal[1] = 1
    taken_at: datetime
    software: str
    topic_prefix: str
    database_prefix: str
    signing_keys: tuple[str, ...] = ()
    files: tuple[Entry, ...]

    def documents(self) -> dict[str, int]:
        """How many documents each file of a collection holds."""
        return {entry.name: entry.documents for entry in self.files if entry.documents is not None}


def line(document: Mapping[str, Any]) -> str:
    """A document as canonical extended JSON: equal text, equal document."""
    return dumps(dict(document), json_options=_CANONICAL, ensure_ascii=False)


async def write_documents(path: Path, documents: AsyncIterator[Document]) -> Entry:
    """Writes a collection; the same documents always give the same bytes."""
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as packed:
        async for document in documents:
            packed.write(line(document).encode() + b"\n")
            count += 1
    return entry_of(path, path.name, count)


def write_secret(folder: Path, name: str, content: bytes) -> Entry:
    """A secret file, readable by its owner alone."""
    path = folder / SECRETS / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, content)
    return entry_of(path, f"{SECRETS}/{name}")


def finish(folder: Path, manifest: Manifest) -> None:
    """The manifest, by an atomic rename: from now on the backup counts."""
    write_private(folder / MANIFEST, manifest.model_dump_json(indent=2).encode())


def entry_of(path: Path, name: str, documents: int | None = None) -> Entry:
    return Entry(name=name, sha256=sha256_of(path), bytes=path.stat().st_size, documents=documents)


def sha256_of(path: Path) -> str:
    """Hex; the file is read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def opened(folder: Path) -> Manifest:
    """The manifest of a whole backup. Raises BackupError naming every file that is missing or altered."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BackupError([f"{folder} holds no finished backup: it has no {MANIFEST}"])
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as wrong:
        faults = [f"{MANIFEST}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong.errors()]
        raise BackupError(faults) from wrong
    if faults := [fault for entry in manifest.files for fault in _faults(folder, entry)]:
        raise BackupError(faults)
    return manifest


def _faults(folder: Path, entry: Entry) -> Iterator[str]:
    path = folder / entry.name
    if not path.resolve().is_relative_to(folder.resolve()):
        yield f"{entry.name} lies outside the backup"
    elif not path.is_file():
        yield f"{entry.name} is missing"
    elif path.stat().st_size != entry.bytes:
        yield f"{entry.name} has {path.stat().st_size} bytes, not {entry.bytes}"
    elif sha256_of(path) != entry.sha256:
        yield f"{entry.name} is altered: its SHA-256 is not {entry.sha256[:16]}…"


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of a file, one after the other; none when there is no such file."""
    if not path.is_file():
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for each in lines:
            found: Document = loads(each, json_options=_CANONICAL)
            yield found


def pages(path: Path, size: int = PAGE) -> Iterator[list[Document]]:
    """The documents in lists of at most `size`."""
    page: list[Document] = []
    for document in read_documents(path):
        page.append(document)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def prepare(folder: Path) -> None:
    """Makes the folder. BackupError when it holds anything but a backup that was broken off, which is overwritten."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = {path.name for path in folder.iterdir()}
    if MANIFEST in names or not all(name == SECRETS or name.endswith(".ndjson.gz") for name in names):
        raise BackupError([f"{folder} is not empty; a backup needs a folder of its own"])
