"""Submissions and registry changes as MongoDB documents, and back; used by the Mongo stores only."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from services.intake.records import Erasure, Origin, Submission
from services.intake.rules.announcing import Change
from services.intake.rules.becomings import FindingRef
from shared.events.base import RuleSetRef

Document = dict[str, Any]
HEAD_FIELDS = {"subject": 1, "seq": 1, "digest": 1, "version_key": 1, "gives": 1, "takes": 1}


def of_submission(found: Submission) -> Document:
    """The document, without its part in a group. Persons and erasures only when there are any: their indexes are
    sparse.
    """
    named: Document = {"persons": list(found.persons)} if found.persons else {}
    if found.erased:
        named["erased"] = [of_erasure(each) for each in found.erased]
    return named | {
        "_id": str(found.id),
        "principal": found.principal,
        "key": found.key,
        "kind": found.kind,
        "subject": found.subject,
        "seq": found.seq,
        "unit_id": found.unit_id,
        "enterprise_id": found.enterprise_id,
        "shard": found.shard,
        "record": found.record,
        "sha256": found.sha256,
        "receipt": dict(found.receipt),
        "digest": found.digest,
        "type": found.type,
        "value": found.value,
        "accepted_at": found.accepted_at,
        "key_id": found.key_id,
        "drill": found.drill,
        "version_key": found.version_key,
        "supersedes": None if found.supersedes is None else str(found.supersedes),
        "after_revision": found.after_revision,
        "findings": [finding.document() for finding in found.findings],
        "gives": list(found.gives),
        "takes": list(found.takes),
        "answer": dict(found.answer),
        "correlation_id": found.correlation_id,
        "traceparent": found.traceparent,
        "origin": None if found.origin is None else {"file_sha256": found.origin.file_sha256, "row": found.origin.row},
    }


def to_submission(document: Mapping[str, Any], *, published: bool) -> Submission:
    """The submission of a document; fields that a projection left out are empty."""
    origin = document.get("origin")
    return Submission(
        id=uuid.UUID(document["_id"]),
        principal=document["principal"],
        key=document["key"],
        kind=document["kind"],
        subject=document["subject"],
        seq=document["seq"],
        unit_id=document["unit_id"],
        enterprise_id=document["enterprise_id"],
        record=document.get("record", b""),
        sha256=document["sha256"],
        receipt=document["receipt"],
        digest=document["digest"],
        type=document["type"],
        value=document.get("value", b""),
        accepted_at=utc(document["accepted_at"]),
        key_id=document["key_id"],
        drill=document["drill"],
        version_key=document["version_key"],
        supersedes=None if document["supersedes"] is None else uuid.UUID(document["supersedes"]),
        after_revision=document["after_revision"],
        findings=tuple(
            FindingRef(each["item"], each["ref"], uuid.UUID(each["finding_id"])) for each in document["findings"]
        ),
        gives=tuple(document["gives"]),
        takes=tuple(document["takes"]),
        answer=document["answer"],
        correlation_id=document["correlation_id"],
        traceparent=document["traceparent"],
        origin=None if origin is None else Origin(origin["file_sha256"], origin["row"]),
        persons=tuple(document.get("persons", ())),
        erased=tuple(to_erasure(each) for each in document.get("erased", ())),
        published=published,
    )


def of_erasure(erasure: Erasure) -> Document:
    """The document within a submission's."""
    return asdict(erasure)


def to_erasure(document: Mapping[str, Any]) -> Erasure:
    """The erasure of a document."""
    return Erasure(document["person_id"], utc(document["at"]), document["by"], document["reason"])


def of_change(change: Change) -> Document:
    """The document. The object is kept as JSON text: its keys are the callers', and may hold what MongoDB would read
    as operators.
    """
    return {
        "_id": change.revision,
        "kind": change.kind,
        "id": change.id,
        "object": None if change.object is None else json.dumps(change.object, ensure_ascii=False),
        "at": change.at,
        "by": change.by,
        "correlation_id": change.correlation_id,
        "rule_sets": [ref.model_dump() for ref in change.rule_sets],
    }


def to_change(document: Mapping[str, Any]) -> Change:
    """The change of a document."""
    return Change(
        revision=document["_id"],
        kind=document["kind"],
        id=document["id"],
        object=None if document["object"] is None else json.loads(document["object"]),
        at=utc(document["at"]),
        by=document["by"],
        correlation_id=document["correlation_id"],
        rule_sets=tuple(RuleSetRef(**ref) for ref in document["rule_sets"]),
    )


def utc(moment: datetime) -> datetime:
    """BSON's times come back without zone unless the client is told otherwise; they are UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
