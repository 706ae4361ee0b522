"""Every topic as data, and `ensure`, which creates what is missing. Used by `keycounty topics` and `keycounty up`."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.errors import Unavailable
from shared.kafka_options import RECORD_LIMIT, connection, translated
from shared.settings import Settings

DEAD_LETTERS = "dead-letters.v1"
SCORING_STATE = "scoring-state.v1"


class TopicMismatch(Exception):
    """Topics exist with another number of partitions than the settings say; changing it would move keys."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `name` without prefix; kept for ever unless compacted; `partitions` None means the deployment's
    number, and never more than that.
    """

    name: str
    cleanup: Literal["delete", "compact"] = "delete"
    partitions: int | None = None
    max_message_bytes: int = RECORD_LIMIT
    config: Mapping[str, str] = field(default_factory=dict)

    def partitions_in(self, settings: Settings) -> int:
        return min(self.partitions or settings.topic_partitions, settings.topic_partitions)

    def config_in(self, settings: Settings) -> dict[str, str]:
        """The broker's settings for it. A record counts when all replicas but one have it."""
        kept = {"retention.ms": "-1", "retention.bytes": "-1"} if self.cleanup == "delete" else {}
        return {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_message_bytes),
            "min.insync.replicas": str(max(1, settings.topic_replication - 1)),
            **kept,
            **self.config,
        }


TOPICS: tuple[Topic, ...] = (
    Topic("inspections.v1"),
    Topic("registry.v1", cleanup="compact", partitions=3),
    Topic("risk.v1"),
    Topic("hazards.v1"),
    Topic("alerts.v1"),
    # A record of the full size must fit with its cause beside it.
    Topic(DEAD_LETTERS, partitions=3, max_message_bytes=2 * RECORD_LIMIT),
    # The scorer's rows, partitioned as inspections.v1; compacted soon, because they are read at each start. A row may
    # be larger than the event it comes from.
    Topic(
        SCORING_STATE,
        cleanup="compact",
        max_message_bytes=2 * RECORD_LIMIT,
        config={"min.cleanable.dirty.ratio": "0.1"},
    ),
)


async def ensure(settings: Settings, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Creates the topics that are missing and waits until each has leaders; answers the full names created.

    Raises `TopicMismatch` naming every existing topic whose number of partitions differs, `Unavailable` without a
    broker.
    """
    admin = AIOKafkaAdminClient(**connection(settings), request_timeout_ms=20_000)
    async with translated():
        try:
            await admin.start()
            existing = await _described(admin, await admin.list_topics())
            _check(settings, topics, existing)
            missing = [topic for topic in topics if settings.topic_prefix + topic.name not in existing]
            created = await _create(admin, settings, missing)
            await _wait_for_leaders(admin, created)
            return created
        finally:
            await admin.close()


async def partitions(settings: Settings, topics: Sequence[Topic] = TOPICS) -> dict[str, int | None]:
    """How many partitions each topic has (full names); None for one that does not exist."""
    admin = AIOKafkaAdminClient(**connection(settings), request_timeout_ms=20_000)
    async with translated():
        try:
            await admin.start()
            existing = await _described(admin, await admin.list_topics())
        finally:
            await admin.close()
    return {name: existing.get(name) for name in (settings.topic_prefix + topic.name for topic in topics)}


def _check(settings: Settings, topics: Iterable[Topic], existing: Mapping[str, int]) -> None:
    wrong = [
        f"{name} has {existing[name]} partitions, the settings say {topic.partitions_in(settings)}"
        for topic in topics
        if (name := settings.topic_prefix + topic.name) in existing and existing[name] != topic.partitions_in(settings)
    ]
    if wrong:
        raise TopicMismatch("; ".join(wrong))


async def _create(admin: Any, settings: Settings, missing: Sequence[Topic]) -> list[str]:
    wanted = [
        NewTopic(
            settings.topic_prefix + topic.name,
            topic.partitions_in(settings),
            settings.topic_replication,
            topic_configs=topic.config_in(settings),
        )
        for topic in missing
    ]
    if not wanted:
        return []
    answer = await admin.create_topics(wanted)
    for name, code, *detail in answer.topic_errors:
        error = for_code(code)
        # Another process may have been quicker.
        if code and error is not TopicAlreadyExistsError:
            raise Unavailable("broker", f"cannot create {name}: {error.__name__} {detail[0] if detail else ''}".strip())
    return [topic.name for topic in wanted]


async def _described(admin: Any, names: Iterable[str]) -> dict[str, int]:
    wanted = list(names)
    if not wanted:
        return {}
    return {
        row["topic"]: len(row["partitions"]) for row in await admin.describe_topics(wanted) if not row["error_code"]
    }


async def _wait_for_leaders(admin: Any, names: Sequence[str], timeout_s: float = 20.0) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while names and not await _all_led(admin, names):  # noqa: ASYNC110  the broker tells nobody
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Unavailable("broker", f"no leader for {', '.join(names)} within {timeout_s:g} s") from None


async def _all_led(admin: Any, names: Sequence[str]) -> bool:
    try:
        rows = await admin.describe_topics(list(names))
    except KafkaError:
        return False
    parts = [part for row in rows for part in row["partitions"]]
    return (
        len(rows) == len(names)
        and all(row["error_code"] == 0 and row["partitions"] for row in rows)
        and all(part["error_code"] == 0 and part["leader"] >= 0 for part in parts)
    )
