"""The document store: the only file that knows the client library (PyMongo). Used by the Mongo stores of services."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from typing import IO, Any, Self

import gridfs
from bson.codec_options import CodecOptions
from gridfs.asynchronous import AsyncGridFSBucket
from pymongo import (
    ASCENDING,
    DESCENDING,
    AsyncMongoClient,
    DeleteOne,
    IndexModel,
    InsertOne,
    ReplaceOne,
    ReturnDocument,
    UpdateOne,
)
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    CursorNotFound,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    PyMongoError,
    WTimeoutError,
)
from pymongo.write_concern import WriteConcern

from shared.errors import Unavailable
from shared.settings import Settings

Document = dict[str, Any]
INTERNAL_ERROR, OUT_OF_DISK_SPACE, DUPLICATE_KEY = 1, 14031, 11000
FULL_RETRY_S = 30.0


@asynccontextmanager
async def translated() -> AsyncGenerator[None]:
    """Errors that may pass as `Unavailable("store")`, a full disk as `Unavailable("disk")`; all others
    (`DuplicateKeyError`, …) as they are.
    """
    try:
        yield
    except PyMongoError as wrong:
        if is_full(wrong):
            raise Unavailable("disk", "the store's disk is full", FULL_RETRY_S) from wrong
        if not passes(wrong):
            raise
        raise Unavailable("store", f"{type(wrong).__name__}: {str(wrong)[:300]}") from wrong


def is_full(wrong: PyMongoError) -> bool:
    """Whether the store found no room for a write: of one document, or of any in a bulk."""
    inner = (wrong.details or {}).get("writeErrors") or () if isinstance(wrong, BulkWriteError) else ()
    codes = {getattr(wrong, "code", None), *(each.get("code") for each in inner)}
    text = str(wrong).lower()
    return OUT_OF_DISK_SPACE in codes or "no space left on device" in text


def passes(wrong: PyMongoError) -> bool:
    """Whether the same call may succeed later."""
    # A cursor is gone with the store that held it: read again from the beginning.
    if isinstance(wrong, ConnectionFailure | CursorNotFound | ExecutionTimeout | WTimeoutError):
        return True
    if isinstance(wrong, InvalidOperation):
        return "closed" in str(wrong)
    if isinstance(wrong, BulkWriteError):
        details = wrong.details or {}
        return bool(details.get("writeConcernErrors")) and not details.get("writeErrors")
    if getattr(wrong, "code", None) == INTERNAL_ERROR:  # what a store whose disk is full may say of every call
        return True
    return wrong.has_error_label("RetryableWriteError")


class Cursor:
    """The documents a query finds, read as they are needed: `async for`, or `to_list`."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def sort(self, keys: Any, direction: int | None = None) -> "Cursor":
        return Cursor(self._cursor.sort(keys, direction) if direction is not None else self._cursor.sort(keys))

    def skip(self, count: int) -> "Cursor":
        return Cursor(self._cursor.skip(count))

    def limit(self, count: int) -> "Cursor":
        return Cursor(self._cursor.limit(count))

    async def to_list(self, length: int | None = None) -> list[Document]:
        async with translated():
            found: list[Document] = await self._cursor.to_list(length)
            return found

    async def __aiter__(self) -> AsyncIterator[Document]:
        async with translated():
            async for document in self._cursor:
                yield document


class Collection:
    """A collection with the client library's methods, arguments and results; what may pass raises `Unavailable`."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self.name: str = collection.name

    def find(self, *args: Any, **kwargs: Any) -> Cursor:
        return Cursor(self._collection.find(*args, **kwargs))

    async def aggregate(self, pipeline: Sequence[Mapping[str, Any]], **kwargs: Any) -> AsyncIterator[Document]:
        async with translated(), await self._collection.aggregate(pipeline, **kwargs) as found:
            async for document in found:
                yield document

    async def find_one(self, *args: Any, **kwargs: Any) -> Document | None:
        found: Document | None = await self._call("find_one", *args, **kwargs)
        return found

    async def insert_one(self, document: Mapping[str, Any], **kwargs: Any) -> Any:
        return await self._call("insert_one", document, **kwargs)

    async def insert_many(self, documents: Sequence[Mapping[str, Any]], **kwargs: Any) -> Any:
        return await self._call("insert_many", documents, **kwargs)

    async def replace_one(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("replace_one", *args, **kwargs)

    async def update_one(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("update_one", *args, **kwargs)

    async def update_many(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("update_many", *args, **kwargs)

    async def delete_one(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("delete_one", *args, **kwargs)

    async def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("delete_many", *args, **kwargs)

    async def find_one_and_update(self, *args: Any, **kwargs: Any) -> Document | None:
        found: Document | None = await self._call("find_one_and_update", *args, **kwargs)
        return found

    async def find_one_and_delete(self, *args: Any, **kwargs: Any) -> Document | None:
        found: Document | None = await self._call("find_one_and_delete", *args, **kwargs)
        return found

    async def bulk_write(self, requests: Sequence[Any], **kwargs: Any) -> Any:
        return await self._call("bulk_write", requests, **kwargs)

    async def count_documents(self, *args: Any, **kwargs: Any) -> int:
        return int(await self._call("count_documents", *args, **kwargs))

    async def distinct(self, *args: Any, **kwargs: Any) -> list[Any]:
        return list(await self._call("distinct", *args, **kwargs))

    async def create_index(self, *args: Any, **kwargs: Any) -> str:
        return str(await self._call("create_index", *args, **kwargs))

    async def create_indexes(self, indexes: Sequence[IndexModel]) -> list[str]:
        return list(await self._call("create_indexes", list(indexes)))

    async def index_information(self) -> Document:
        return dict(await self._call("index_information"))

    async def drop(self) -> None:
        await self._call("drop")

    async def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        async with translated():
            return await getattr(self._collection, method)(*args, **kwargs)


class Bucket:
    """Files by name (GridFS): evidence. Each upload has an id of its own, so that one which broke off, or runs beside
    another, leaves nothing that a later one meets; of several whole ones the first counts.
    """

    def __init__(self, bucket: Any) -> None:
        self._bucket = bucket

    async def put(self, name: str, content: bytes | IO[bytes], metadata: Mapping[str, Any] | None = None) -> bool:
        """Stores a file piece by piece; False when there is one with that name already, which stays as it is."""
        if await self.metadata(name) is not None:
            return False
        async with translated():
            await self._bucket.upload_from_stream(name, content, metadata=dict(metadata or {}))
        return True

    async def chunks(self, name: str) -> AsyncIterator[bytes]:
        """The file piece by piece; nothing when there is none."""
        async with translated():
            try:
                stream = await self._bucket.open_download_stream_by_name(name, revision=0)
            except gridfs.errors.NoFile:
                return
            while chunk := await stream.readchunk():
                yield chunk

    async def metadata(self, name: str) -> Document | None:
        """What was given with the file, and `length` in bytes."""
        async with translated():
            async for found in self._bucket.find({"filename": name}).sort("uploadDate", ASCENDING).limit(1):
                return {**(found.metadata or {}), "length": found.length}
        return None


class Database:
    """One service's database. Writes are acknowledged by the majority, journaled; times are aware UTC. Whoever opened
    it closes it; as an asynchronous context it is closed at the end of the block.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._database = client.get_database(
            name,
            codec_options=CodecOptions(tz_aware=True, tzinfo=UTC, uuid_representation=4),
            write_concern=WriteConcern(w="majority", j=True),
        )
        self.name = name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def collection(self, name: str) -> Collection:
        return Collection(self._database[name])

    def bucket(self, name: str) -> Bucket:
        return Bucket(AsyncGridFSBucket(self._database, name))

    async def command(self, *args: Any, **kwargs: Any) -> Document:
        async with translated():
            return dict(await self._database.command(*args, **kwargs))

    async def drop(self) -> None:
        async with translated():
            await self._client.drop_database(self.name)

    async def close(self) -> None:
        await self._client.close()


def connect(settings: Settings, service: str) -> Database:
    """The database of a service; connects when first used. An absent store is `Unavailable` after 3 s."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        settings.mongo_uri,
        serverSelectionTimeoutMS=3000,
        connectTimeoutMS=3000,
        socketTimeoutMS=20_000,
        appname=f"keycounty-{service}",
    )
    return Database(client, f"{settings.mongo_database_prefix}{service}")


async def ping(db: Database) -> None:
    """Raises `Unavailable` when the store does not answer."""
    await db.command("ping")


def check(db: Database) -> Callable[[], Awaitable[str | None]]:
    """For health: what is wrong with the store, or None."""

    async def ask() -> str | None:
        try:
            await ping(db)
        except Unavailable as wrong:
            return str(wrong)
        return None

    return ask


async def written(collection: Collection, requests: Sequence[Any]) -> set[int]:
    """Writes all, in any order; the places of the requests that met an id that is there already, which stays as it was.
    Raises `BulkWriteError` when anything else went wrong, such as a write that was not confirmed.
    """
    if not requests:
        return set()
    try:
        await collection.bulk_write(requests, ordered=False)
    except BulkWriteError as failure:
        details = failure.details or {}
        errors = details.get("writeErrors") or ()
        if not errors or details.get("writeConcernErrors") or any(each["code"] != DUPLICATE_KEY for each in errors):
            raise
        return {each["index"] for each in errors}
    return set()


__all__ = [
    "ASCENDING",
    "DESCENDING",
    "DUPLICATE_KEY",
    "Bucket",
    "BulkWriteError",
    "Collection",
    "Cursor",
    "Database",
    "DeleteOne",
    "Document",
    "DuplicateKeyError",
    "IndexModel",
    "InsertOne",
    "ReplaceOne",
    "ReturnDocument",
    "UpdateOne",
    "check",
    "connect",
    "ping",
    "translated",
    "written",
]
