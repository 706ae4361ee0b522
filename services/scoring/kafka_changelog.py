"""The changelog of scoring in Kafka. Used through ports.Changelog by stream, and by replay."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing

from services.scoring.kafka_log import read
from services.scoring.kafka_options import KafkaOptions


class KafkaChangelog:
    """Reads with a consumer of its own each time."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options

    async def rows(
        self, partitions: Collection[int]
    ) -> AsyncGenerator[Sequence[tuple[int, bytes, bytes | None]], None]:
        async with aclosing(read(self._options, self._options.changelog, partitions)) as chunks:
            async for number, records in chunks:
                yield [(number, record.key or b"", record.value) for record in records]
