"""Notify's store in MongoDB: one document an alert, so that every change of it is one atomic update."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import get_args

from services.notify.ports import AlertFilter, Saving, Scope
from services.notify.rules.alert import SEVERITIES, Alert
from services.notify.rules.deliveries import Delivery
from services.notify.rules.silences import Silence
from services.notify.stores import documents
from services.notify.stores.documents import OUTBOX, Document
from services.notify.stores.due_reach import DueReach
from shared.events.alerts import AlertState, Severity
from shared.events.envelope import Event
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Collection,
    Database,
    DuplicateKeyError,
    InsertOne,
    ReplaceOne,
    UpdateOne,
    written,
)

_STANDING = [state for state in get_args(AlertState) if state != "closed"]


class MongoOutbox:
    """The unpublished events of one collection's documents, in their array `outbox`."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def prepare(self) -> None:
        """Makes the indexes; safe to repeat."""
        await self._collection.create_index([(f"{OUTBOX}.id", ASCENDING)], sparse=True)

    async def unpublished(self, limit: int) -> Mapping[str, Sequence[Event]]:
        waiting = self._collection.find({f"{OUTBOX}.id": {"$gt": ""}}, {OUTBOX: True}).limit(limit)
        return {found["_id"]: documents.events_of(found[OUTBOX]) for found in await waiting.to_list(None)}

    async def unpublished_of(self, owner: str) -> Sequence[Event]:
        row = await self._collection.find_one({"_id": owner}, {OUTBOX: True})
        return documents.events_of(row[OUTBOX]) if row else ()

    async def published(self, events: Mapping[str, Sequence[Event]]) -> None:
        # Ids of events are unique over all owners: one statement for the few that come at a time.
        ids = [str(event.id) for owned in events.values() for event in owned]
        await self._collection.update_many({"_id": {"$in": list(events)}}, {"$pull": {OUTBOX: {"id": {"$in": ids}}}})


class MongoAlertStore(MongoOutbox):
    """Implements `AlertStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.collection("alerts"))
        self._reach = DueReach()

    async def prepare(self) -> None:
        await super().prepare()
        await self._collection.create_index([("next_due", ASCENDING)], sparse=True)
        await self._collection.create_index([("opened_at", DESCENDING), ("_id", DESCENDING)])
        await self._collection.create_index([("unit_id", ASCENDING), ("state", ASCENDING), ("opened_at", DESCENDING)])
        await self._collection.create_index([("state", ASCENDING), ("opened_at", DESCENDING)])

    async def get(self, ids: Iterable[str]) -> dict[str, Alert]:
        rows = await self._collection.find({"_id": {"$in": list(ids)}}, {OUTBOX: False}).to_list(None)
        return {row["_id"]: documents.alert_of(row) for row in rows}

    async def insert(self, new: Sequence[Saving]) -> set[str]:
        known = await written(self._collection, [InsertOne(_whole(saving)) for saving in new])
        return {new[place].alert.id for place in known}

    async def save(self, saving: Saving) -> bool:
        done = await self._collection.update_one({"_id": saving.alert.id, "version": saving.expected}, _changed(saving))
        return bool(done.matched_count)

    async def save_all(self, savings: Sequence[Saving]) -> list[bool]:
        # A bulk write does not say which filter matched nothing; an upsert does: it fails on the id that is there.
        updates = [
            UpdateOne({"_id": saving.alert.id, "version": saving.expected}, _upserted(saving), upsert=True)
            for saving in savings
        ]
        changed = await written(self._collection, updates)
        return [place not in changed for place in range(len(savings))]

    async def due(self, now: datetime, limit: int) -> list[Alert]:
        async def until(moment: datetime) -> list[Alert]:
            found = self._collection.find({"next_due": {"$lte": moment}}, {OUTBOX: False})
            rows = await found.sort("next_due", ASCENDING).limit(limit).to_list(None)
            return [documents.alert_of(row) for row in rows]

        return await self._reach.look(until, now, limit)

    async def find(self, wanted: AlertFilter, limit: int) -> list[Alert]:
        found = self._collection.find(_wanted(wanted), {OUTBOX: False})
        found = found.sort([("opened_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [documents.alert_of(row) for row in await found.to_list(None)]

    async def count(self, wanted: AlertFilter) -> int:
        return await self._collection.count_documents(_wanted(wanted))

    async def unit_alert(self, unit_id: str, drill: bool) -> Severity | None:
        # A filter on more than an index holds would go through every alert ever closed in the local store.
        where = {"unit_id": unit_id, "state": {"$in": _STANDING}}
        rows = await self._collection.find(where, {"kind": True, "drill": True, "severity": True}).to_list(None)
        own = [row["severity"] for row in rows if row["kind"].startswith("unit.") and row["drill"] == drill]
        return max(own, key=SEVERITIES.index, default=None)


def _whole(saving: Saving) -> Document:
    events = [documents.event_document(event) for event in saving.events]
    return {"_id": saving.alert.id, **documents.alert_document(saving.alert), OUTBOX: events}


def _changed(saving: Saving) -> Document:
    # The outbox is only ever added to here: what another replica has published meanwhile must not come back.
    fields = documents.alert_document(saving.alert)
    update: Document = {"$set": fields}
    if "next_due" not in fields:
        update["$unset"] = {"next_due": ""}
    if saving.events:
        update["$push"] = {OUTBOX: {"$each": [documents.event_document(event) for event in saving.events]}}
    return update


def _upserted(saving: Saving) -> Document:
    return _changed(saving) if saving.events else _changed(saving) | {"$setOnInsert": {OUTBOX: []}}


def _wanted(wanted: AlertFilter) -> Document:
    where = _where(wanted.scope, "opened_at", wanted.before)
    if wanted.unit_id and wanted.scope.units is not None:
        where["unit_id"] = {"$in": sorted(wanted.scope.units & {wanted.unit_id})}
    elif wanted.unit_id:
        where["unit_id"] = wanted.unit_id
    where |= {"state": {"$in": sorted(wanted.states)}} if wanted.states else {}
    where |= {"severity": wanted.severity} if wanted.severity else {}
    return where | ({"drill": wanted.drill} if wanted.drill is not None else {})


def _where(scope: Scope, field: str, before: tuple[datetime, str] | None) -> Document:
    where: Document = {}
    if scope.units is not None:
        where["unit_id"] = {"$in": sorted(scope.units)}
    if scope.enterprises is not None:
        where["enterprise_id"] = {"$in": sorted(scope.enterprises)}
    if before is not None:
        moment, id = before
        where["$or"] = [{field: {"$lt": moment}}, {field: moment, "_id": {"$lt": id}}]
    return where


class MongoLedger:
    """Implements `Ledger`."""

    def __init__(self, database: Database) -> None:
        self._deliveries = database.collection("deliveries")
        self._history = database.collection("history")

    async def prepare(self) -> None:
        """Makes the indexes; safe to repeat."""
        await self._deliveries.create_index([("alert_id", ASCENDING), ("at", DESCENDING)])
        await self._deliveries.create_index([("at", DESCENDING), ("_id", DESCENDING)])
        await self._history.create_index([("subject", ASCENDING), ("time", ASCENDING)])

    async def record(self, delivery: Delivery) -> None:
        await self._deliveries.replace_one({"_id": delivery.id}, documents.delivery_document(delivery), upsert=True)

    async def record_all(self, deliveries: Sequence[Delivery]) -> None:
        # Most are first attempts: new documents go in together, replacements are committed one by one.
        rows = [InsertOne({"_id": found.id, **documents.delivery_document(found)}) for found in deliveries]
        known = await written(self._deliveries, rows)
        again = [
            ReplaceOne({"_id": deliveries[place].id}, documents.delivery_document(deliveries[place]))
            for place in sorted(known)
        ]
        await written(self._deliveries, again)

    async def delivery(self, id: str) -> Delivery | None:
        row = await self._deliveries.find_one({"_id": id})
        return documents.delivery_of(row) if row else None

    async def of_step(self, alert_id: str, step: str) -> list[Delivery]:
        # By the alert alone, which has an index: it has few deliveries, the collection all there ever were.
        rows = await self._deliveries.find({"alert_id": alert_id}).to_list(None)
        return [documents.delivery_of(row) for row in rows if row["step"] == step]

    async def deliveries(
        self, scope: Scope, alert_id: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> list[Delivery]:
        where = _where(scope, "at", before) | ({"alert_id": alert_id} if alert_id else {})
        found = self._deliveries.find(where).sort([("at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [documents.delivery_of(row) for row in await found.to_list(None)]

    async def append(self, events: Sequence[Event]) -> None:
        rows = [
            InsertOne({"_id": str(event.id), **documents.event_document(event), "place": place})
            for place, event in enumerate(events)
        ]
        await written(self._history, rows)

    async def history(self, alert_id: str) -> list[Event]:
        found = self._history.find({"subject": alert_id}).sort([("time", ASCENDING), ("place", ASCENDING)])
        return documents.events_of(await found.to_list(None))


class MongoSilences(MongoOutbox):
    """Implements `SilenceStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.collection("silences"))

    async def prepare(self) -> None:
        await super().prepare()
        await self._collection.create_index([("to", ASCENDING)])

    async def put(self, silence: Silence, events: Sequence[Event]) -> bool:
        added = {"$each": [documents.event_document(event) for event in events]}
        update = {"$set": documents.silence_document(silence), "$push": {OUTBOX: added}}
        where: Document = {"_id": silence.id, "version": silence.version - 1}
        try:
            done = await self._collection.update_one(where, update, upsert=silence.version == 1)
        except DuplicateKeyError:
            return False
        return bool(done.matched_count or done.upserted_id)

    async def silence(self, id: str) -> Silence | None:
        row = await self._collection.find_one({"_id": id}, {OUTBOX: False})
        return documents.silence_of(row) if row else None

    async def silences(self, standing_at: datetime | None = None) -> list[Silence]:
        where: Document = {} if standing_at is None else {"to": {"$gt": standing_at}}
        rows = await self._collection.find(where, {OUTBOX: False}).sort("_id", ASCENDING).to_list(None)
        found = [documents.silence_of(row) for row in rows]
        return found if standing_at is None else [silence for silence in found if not silence.deleted]


class MongoBeats:
    """Implements `Beats`, and keeps what the deployment as a whole has done once."""

    def __init__(self, database: Database) -> None:
        self._replicas = database.collection("replicas")
        self._done = database.collection("done")

    async def beat(self, instance: str, at: datetime, alive_since: datetime) -> Sequence[str]:
        await self._replicas.update_one({"_id": instance}, {"$set": {"at": at}}, upsert=True)
        found = await self._replicas.find({"at": {"$gte": alive_since}}, {"_id": True}).to_list(None)
        return [row["_id"] for row in found]

    async def done(self, what: str) -> bool:
        """Whether something that is to be done once per store has been done."""
        return await self._done.find_one({"_id": what}) is not None

    async def note_done(self, what: str, at: datetime) -> None:
        await self._done.update_one({"_id": what}, {"$set": {"at": at}}, upsert=True)
