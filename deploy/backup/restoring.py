"""Brings a backup back: checks everything first, adds what is missing, writes an empty log again. Called by
`keycounty restore`; may be broken off and repeated.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.backup import archive, fresh_log, secret_files
from deploy.backup.archive import BackupError, Manifest
from deploy.backup.contents import PARTS, SUBMISSIONS, Part
from deploy.backup.secret_files import SecretFiles
from shared import mongo, topics
from shared.settings import Settings

SHOWN = 20
MARK = "log written again"


@dataclass(slots=True)
class Restored:
    """What was done: documents added by file, records published by topic, and a line for each secret file."""

    added: dict[str, int] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"added": self.added, "published": self.published, "secrets": self.secrets}


async def restore(
    settings: Settings,
    secrets: SecretFiles,
    folder: Path,
    told: Callable[[str], None],
    *,
    newer_log: bool = False,
    running: bool = False,
) -> Restored:
    """Adds to the stores what they lack of the backup; with an empty broker, publishes the whole log again.

    `newer_log` accepts a log that knows submissions which the backup lacks; `running` says that the caller holds the
    services still. Raises BackupError with all that stands against it, before anything is written; `Unavailable`.
    """
    manifest = archive.opened(folder)
    told(f"the backup of {manifest.taken_at:%Y-%m-%d %H:%M} UTC is whole: {len(manifest.files)} files")
    await topics.ensure(settings)
    async with _databases(settings) as databases:
        unfinished = await _unfinished(databases["intake"])
        is_fresh = unfinished or await fresh_log.is_empty(settings)
        faults = [] if running else await _still_running(databases["intake"])
        faults += await _foreign(databases, folder)
        faults += [] if is_fresh or newer_log else await _ahead(settings, databases["intake"], folder)
        if faults:
            raise BackupError(faults)
        found = Restored(secrets=secret_files.bring_back(secret_files.planned(folder, secrets)))
        if is_fresh:
            await _mark(databases["intake"], True)
        for part in PARTS:
            found.added[part.file] = await _add(databases[part.service], part, folder)
            told(f"{part.service} {part.collection}: {found.added[part.file]} added")
        if is_fresh:
            found.published = await fresh_log.write(settings)
            await _mark(databases["intake"], False)
    return found


@asynccontextmanager
async def _databases(settings: Settings) -> AsyncIterator[dict[str, mongo.Database]]:
    async with AsyncExitStack() as opened:
        yield {
            service: await opened.enter_async_context(mongo.connect(settings, service))
            for service in sorted({part.service for part in PARTS})
        }


async def _unfinished(intake: mongo.Database) -> bool:
    return await intake.collection("restores").find_one({"_id": MARK, "done": False}) is not None


async def _mark(intake: mongo.Database, begins: bool) -> None:
    await intake.collection("restores").update_one({"_id": MARK}, {"$set": {"done": not begins}}, upsert=True)


async def _still_running(intake: mongo.Database) -> list[str]:
    # Intake's replicas say in milliseconds how long they may be counted on.
    now = datetime.now(UTC).timestamp() * 1000
    rows = await intake.collection("replicas").find({}).to_list(None)
    alive = sorted(row["_id"] for row in rows if int(row["until"]) > now)
    return [f"intake runs ({', '.join(alive)}): stop all services first, and start them afterwards"] if alive else []


async def _foreign(databases: Mapping[str, mongo.Database], folder: Path) -> list[str]:
    """Documents that the store has otherwise than the backup, although they never change."""
    faults: list[str] = []
    for part in PARTS:
        if part.fixed:
            different = [id async for id in _different(databases[part.service], part, folder)]
            faults += [_said(part, different)] if different else []
    if faults:
        faults.append("the store belongs to another deployment, or was altered; restore into an empty one")
    return faults


def _said(part: Part, ids: Sequence[object]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    named = ", ".join(map(str, ids[:SHOWN]))
    return f"{part.service} {part.collection}: other content under the same id: {named}{more}"


async def _different(database: mongo.Database, part: Part, folder: Path) -> AsyncIterator[object]:
    collection = database.collection(part.collection)
    for page in archive.pages(folder / part.file):
        wanted = {document["_id"]: document for document in page}
        for there in await collection.find({"_id": {"$in": list(wanted)}}).to_list(None):
            ours = wanted[there["_id"]]
            if archive.line(part.lasting(ours)) != archive.line(part.lasting(there)):
                yield there["_id"]


async def _ahead(settings: Settings, intake: mongo.Database, folder: Path) -> list[str]:
    """Subjects of which the log knows more than store and backup together: their next receipts would fork."""
    heads: dict[str, int] = {}
    for document in archive.read_documents(folder / SUBMISSIONS.file):
        heads[document["subject"]] = max(heads.get(document["subject"], 0), document["seq"])
    async for row in intake.collection("submissions").find({}, {"subject": 1, "seq": 1}):
        heads[row["subject"]] = max(heads.get(row["subject"], 0), row["seq"])
    on_log = await fresh_log.numbers(settings)
    ahead = [
        f"{subject}: the log has number {seq}, the backup ends at {heads.get(subject, 0)}"
        for subject, seq in sorted(on_log.items())
        if seq > heads.get(subject, 0)
    ]
    if not ahead:
        return []
    more = [f"and {len(ahead) - SHOWN} subjects more"] if len(ahead) > SHOWN else []
    advice = "the log is newer than the backup: take a newer one, or accept the loss with --accept-newer-log"
    return [*ahead[:SHOWN], *more, advice]


async def _add(database: mongo.Database, part: Part, folder: Path) -> int:
    """Inserts what is not there; what is there stays, as it is the same or newer."""
    collection, added = database.collection(part.collection), 0
    for page in archive.pages(folder / part.file):
        ids = [document["_id"] for document in page]
        there = {row["_id"] for row in await collection.find({"_id": {"$in": ids}}, {"_id": 1}).to_list(None)}
        missing = [document for document in page if document["_id"] not in there]
        if missing:
            await collection.insert_many(missing, ordered=True)
        added += len(missing)
    return added


def described(manifest: Manifest) -> Iterator[tuple[str, int]]:
    """Collections and their documents, for tables."""
    for name, count in manifest.documents().items():
        yield name.removesuffix(".ndjson.gz"), count
