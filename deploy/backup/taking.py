"""Takes a backup of a deployment, running or not. Called by `keycounty backup`."""

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from deploy.backup import archive, secret_files
from deploy.backup.archive import BackupError, Document, Entry, Manifest
from deploy.backup.contents import CHUNKS, FILES, PARTS, SUBMISSIONS, Part
from deploy.backup.secret_files import SecretFiles
from shared import mongo
from shared.settings import Settings


async def take(
    settings: Settings, secrets: SecretFiles, folder: Path, now: datetime, told: Callable[[Entry], None]
) -> Manifest:
    """Writes everything into `folder` and checks it; `told` hears of each file.

    Raises BackupError (a folder in use, a torn chain, altered evidence) and `Unavailable`.
    """
    archive.prepare(folder)
    entries: list[Entry] = []
    for part in PARTS:
        entries.append(await _save(settings, part, folder))
        told(entries[-1])
    check_evidence(folder)
    entries += secret_files.save(secrets, folder)
    manifest = Manifest(
        taken_at=now,
        software=version("keycounty"),
        topic_prefix=settings.topic_prefix,
        database_prefix=settings.mongo_database_prefix,
        signing_keys=secret_files.signing_key_ids(secrets),
        files=tuple(entries),
    )
    archive.finish(folder, manifest)
    return manifest


async def _save(settings: Settings, part: Part, folder: Path) -> Entry:
    async with mongo.connect(settings, part.service) as database:
        found = aiter(database.collection(part.collection).find({}).sort(list(part.sort)))
        return await archive.write_documents(folder / part.file, _unbroken(found) if part is SUBMISSIONS else found)


async def _unbroken(found: AsyncIterator[Document]) -> AsyncIterator[Document]:
    """The same documents, each subject's numbers checked to be without gap."""
    subject, last = None, 0
    async for document in found:
        if document["subject"] != subject:
            subject, last = document["subject"], 0
        if document["seq"] != last + 1:
            raise BackupError([f"the chain of {subject} is torn: number {document['seq']} follows {last}"])
        last = document["seq"]
        yield document


def check_evidence(folder: Path) -> None:
    """Every evidence file described is there whole: its content has the hash that names it. Raises BackupError."""
    names = {document["_id"]: document["filename"] for document in archive.read_documents(folder / FILES.file)}
    digests = {id: hashlib.sha256() for id in names}
    for chunk in archive.read_documents(folder / CHUNKS.file):
        if chunk["files_id"] in digests:
            digests[chunk["files_id"]].update(chunk["data"])
    if wrong := sorted(names[id] for id, digest in digests.items() if digest.hexdigest() != names[id]):
        raise BackupError([f"evidence {name} is not whole in the store" for name in wrong])
