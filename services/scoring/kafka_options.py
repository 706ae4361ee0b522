"""Where Kafka is, who a worker of scoring is there, and aiokafka's errors as ours: for the three adapters of
kafka_broker."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from services.scoring.handlers import CHANGELOG, SOURCE
from services.scoring.ports import Fenced
from shared.errors import Unavailable

REFUSED = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """Where the broker is and who this worker is there.

    `connection` holds aiokafka's arguments of address and security; `instance` a name that outlives the process, if
    there is one; times in seconds. An abandoned transaction holds up `read_committed` readers `transaction_s` at most.
    `now_ms` stamps records: the machine's clock, as with every other producer, for lag is reckoned by it.
    """

    connection: Mapping[str, object]
    prefix: str = "keycounty."
    group: str = "scoring"
    instance: str | None = None
    session_s: float = 10.0
    transaction_s: float = 15.0
    now_ms: Callable[[], int] = field(default=lambda: int(time.time() * 1000))

    @property
    def group_id(self) -> str:
        return self.prefix + self.group

    def transactional_id(self, partition: int) -> str:
        """Of one source partition: whoever starts it last is the only one who can write."""
        return f"{self.group_id}-{partition}"

    @property
    def source(self) -> str:
        return self.prefix + SOURCE

    @property
    def changelog(self) -> str:
        return self.prefix + CHANGELOG


@contextmanager
def translated() -> Iterator[None]:
    """aiokafka's errors as ours; what no repetition can mend (a refused authorization) stays as it is and ends the
    process."""
    try:
        yield
    except ProducerFenced as error:
        raise Fenced("broker", str(error)) from error
    except REFUSED:
        raise
    except (KafkaError, OSError) as error:
        raise Unavailable("broker", f"{type(error).__name__}: {error}") from error
