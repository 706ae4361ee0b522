"""A small fold with everything the delivery layer can lose: rows, an aggregate over rows, an output per event,
counts. For tests only."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.errors import Rejected
from shared.events.base import LogPosition, derive_id, name_id
from shared.events.envelope import Event, Header, encode, headers, make
from shared.events.hazards import HazardCleared
from shared.events.inspections import ParkAssessed
from shared.events.risk import FoldProgressed

PROGRESS = b"~progress"
START = datetime(2023, 2, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ToyOutput:
    topic: str
    key: str
    value: bytes
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class ToyEffects:
    rows: list[tuple[bytes, bytes | None]]
    events: list[Event]

    @property
    def derived(self) -> list[ToyOutput]:
        return [ToyOutput(each.spec.topic, each.key, encode(each), tuple(headers(each))) for each in self.events]


@dataclass(slots=True)
class ToyFold:
    """Keeps per subject its last sequence and a digest chained over all of its events; per unit how many events it
    has seen."""

    partition: int
    rows: dict[bytes, dict[str, object]] = field(default_factory=dict)
    per_unit: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    dirty: dict[bytes, None] = field(default_factory=dict)
    outputs: list[Event] = field(default_factory=list)
    position: int = 0

    def load(self, key: bytes, value: bytes) -> None:
        if key == PROGRESS:
            self.counts = Counter(json.loads(value))
        else:
            row = self.rows[key] = json.loads(value)
            self.per_unit[unit_of(key)] += int(str(row["seen"]))

    def apply(self, event: Event, offset: int) -> None:
        if not isinstance(event.data, ParkAssessed):
            raise Rejected("unknown_type", event.type)
        if event.data.park_id == "breaks-the-rules":
            raise LookupError("the rule set of the log is not the one at hand")
        self.position = offset + 1
        self.dirty[PROGRESS] = None
        key = f"{event.data.unit_id}|{event.subject}".encode()
        row = self.rows.get(key, {"seq": 0, "digest": "", "seen": 0})
        if event.data.seq <= int(str(row["seq"])):
            self.counts["duplicate"] += 1
            return
        self._replace(key, row, event, event.data, offset)

    def _replace(self, key: bytes, row: dict[str, object], event: Event, data: ParkAssessed, offset: int) -> None:
        digest = hashlib.sha256(f"{row['digest']}{event.id}{data.seq}".encode()).hexdigest()[:16]
        self.rows[key] = {"seq": data.seq, "digest": digest, "seen": int(str(row["seen"])) + 1}
        self.per_unit[data.unit_id] += 1
        self.counts["applied"] += 1
        self.counts["gaps"] += data.seq > int(str(row["seq"])) + 1
        self.dirty[key] = None
        self.outputs.append(self._output(event, data, f"{digest} {self.per_unit[data.unit_id]}", offset))

    def _output(self, event: Event, data: ParkAssessed, reason: str, offset: int) -> Event:
        event_id = derive_id(event.id, "keycounty.hazard.cleared.v1", event.subject)
        cleared = HazardCleared(
            unit_id=data.unit_id,
            hazard_id=event_id,
            kind="toy",
            subject=event.subject,
            episode=data.seq,
            reason=reason,
            caused_at=event.time,
            log_position=LogPosition(partition=self.partition, offset=offset),
        )
        return make(cleared, id=event_id, source="/scoring", subject=str(event_id), time=event.time)

    def note_dead_letter(self, offset: int) -> None:
        self.position = offset + 1
        self.counts["dead_lettered"] += 1
        self.dirty[PROGRESS] = None

    def flush(self) -> ToyEffects:
        rows = [(key, encode_row(self.counts if key == PROGRESS else self.rows[key])) for key in self.dirty]
        effects = ToyEffects(rows, self.outputs + ([self._progress()] if PROGRESS in self.dirty else []))
        self.dirty, self.outputs = {}, []
        return effects

    def _progress(self) -> Event:
        data = FoldProgressed(
            partition=self.partition,
            applied=self.counts["applied"],
            superseded=0,
            duplicate=self.counts["duplicate"],
            drill=0,
            dead_lettered=self.counts["dead_lettered"],
            position=self.position,
            as_of=START,
        )
        event_id = name_id("fold.progressed", str(self.partition), str(self.position))
        return make(
            data, id=event_id, source="/scoring", subject=str(self.partition), time=START, key=str(self.partition)
        )


def encode_row(row: object) -> bytes:
    return json.dumps(row, sort_keys=True).encode()


def unit_of(key: bytes) -> str:
    return key.decode().split("|")[0]


def park_assessed(unit: str, subject: str, seq: int, *, park: str = "park-1") -> Event:
    """A synthetic event of a subject's sequence; copies are byte-identical."""
    data = ParkAssessed(
        unit_id=unit,
        submission_id=name_id("toy", unit, subject, str(seq)),
        seq=seq,
        accepted_at=START,
        submitted_by="synthetic",
        park_id=park,
        score=70.0,
        assessed_on=START.date(),
    )
    return make(data, id=data.submission_id, source="/intake", subject=subject, time=START)
