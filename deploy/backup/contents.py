"""What a backup holds, in the order in which it is read. Shared by taking and restoring."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SortKey = list[tuple[str, int]]
BY_ID: SortKey = [("_id", 1)]


@dataclass(frozen=True, slots=True)
class Part:
    """One collection of a service's database.

    `fixed`: its documents never change, but for the fields in `changing`; such a document under the same id with other
    content belongs to another deployment.
    """

    service: str
    collection: str
    sort: tuple[tuple[str, int], ...] = tuple(BY_ID)
    fixed: bool = False
    changing: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """Its file within the backup."""
        return f"{self.service}.{self.collection}.ndjson.gz"

    def lasting(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document without what may change."""
        return {name: value for name, value in document.items() if name not in self.changing}


# What waits to be published, as the outbox notes it, and what an erasure changes.
_OF_SUBMISSIONS = frozenset({"pending", "members", "waiting", "size", "record", "erased"})
# Read from the conclusions back to the causes, so that a running system's backup never holds an alert whose cause it
# lacks: what it misses of the conclusions, the log derives again. Submissions come by subject and number, so that a
# chain has no gap; the registry after them, as they name its revisions; a file's description before its content.
PARTS = (
    Part("notify", "alerts"),
    Part("notify", "silences"),
    Part("notify", "deliveries"),
    Part("notify", "history", fixed=True, changing=frozenset({"place"})),
    Part("notify", "done"),
    Part("reporting", "evaluations", fixed=True),
    Part("intake", "submissions", (("subject", 1), ("seq", 1)), fixed=True, changing=_OF_SUBMISSIONS),
    Part("intake", "registry_changes", fixed=True),
    Part("intake", "evidence.files", fixed=True),
    Part("intake", "evidence.chunks", (("files_id", 1), ("n", 1))),
    Part("intake", "evidence_mentions"),
    Part("intake", "cursors"),
    Part("intake", "days"),
)
# Who holds what at the moment, and what restoring itself notes. The rest of reporting's store is derived.
PASSING = {"intake": {"leases", "replicas", "restores"}, "notify": {"replicas"}}
SUBMISSIONS = next(part for part in PARTS if part.collection == "submissions")
FILES = next(part for part in PARTS if part.collection == "evidence.files")
CHUNKS = next(part for part in PARTS if part.collection == "evidence.chunks")
