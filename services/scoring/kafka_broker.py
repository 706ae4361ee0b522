"""Kafka as one worker of scoring sees it: constructed by wiring, by the contract suite and by the benchmarks."""

from services.scoring.kafka_changelog import KafkaChangelog
from services.scoring.kafka_options import KafkaOptions
from services.scoring.kafka_source import KafkaSource
from services.scoring.kafka_transactions import KafkaTransactions


class KafkaBroker:
    """Fits `ports.Broker`."""

    def __init__(self, options: KafkaOptions) -> None:
        self.options = options
        self.source = KafkaSource(options)
        self.changelog = KafkaChangelog(options)

    def transactions(self, partition: int) -> KafkaTransactions:
        return KafkaTransactions(self.options, partition)
