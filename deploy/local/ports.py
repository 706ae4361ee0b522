"""Which TCP ports of 127.0.0.1 the parts of a local runtime listen on. Used by `Runtime` and `keycounty up`."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.child import port_taken

SERVICES = ("intake", "scoring", "notify", "reporting")
MOST_REPLICAS = 8


class PortsTakenError(RuntimeError):
    """Ports that the runtime needs are in use."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Service n (from 1) listens on `base + n`, its replica r (from 0) on `base + 10 r + n`."""

    base: int = 8000
    kafka: int = 9092
    controller: int = 9093
    mongo: int = 27017

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        """All ports within `base + 1` to `base + 93`."""
        return cls(base, kafka=base + 92, controller=base + 93, mongo=base + 27)

    @classmethod
    def free(cls, rng: random.Random) -> "Ports":
        """A block of which no port is taken now, below the ports that systems hand out to clients."""
        while True:
            ports = cls.from_base(rng.randrange(10_000, 32_000, 100))
            if not any(port_taken(port) for port in ports.all(dict.fromkeys(SERVICES, MOST_REPLICAS)).values()):
                return ports

    def service(self, name: str, replica: int = 0) -> int:
        return self.base + 10 * replica + SERVICES.index(name) + 1

    def all(self, replicas: Mapping[str, int]) -> dict[str, int]:
        """Label -> port, for the given number of replicas of each service."""
        services = {
            replica_name(name, replica): self.service(name, replica)
            for name, count in replicas.items()
            for replica in range(count)
        }
        return {"kafka": self.kafka, "kafka controller": self.controller, "mongo": self.mongo} | services

    def check(self, replicas: Mapping[str, int], patience: float = 2.0) -> None:
        """Raises PortsTakenError that names every taken port at once.

        A process killed just now may hold its ports a little longer: they have `patience` seconds to become free.
        """
        deadline = time.monotonic() + patience
        while taken := [f"{port} ({label})" for label, port in self.all(replicas).items() if port_taken(port)]:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise PortsTakenError(f"ports in use: {', '.join(taken)}; --port-base N moves them all (to N+1 … N+93)")


def replica_name(service: str, replica: int) -> str:
    """`notify` for the first, `notify-2` for the second."""
    return service if replica == 0 else f"{service}-{replica + 1}"


def parse_replicas(text: str | None) -> dict[str, int]:
    """`notify=2,scoring=3` -> replicas of every service, 1 where not named. Raises ValueError naming what is wrong."""
    counts = dict.fromkeys(SERVICES, 1)
    for part in filter(None, (text or "").split(",")):
        name, _, number = part.strip().partition("=")
        if name not in counts or not number.isdigit() or not 1 <= int(number) <= MOST_REPLICAS:
            raise ValueError(f"{part!r} is not one of {', '.join(SERVICES)} = 1 to {MOST_REPLICAS}")
        counts[name] = int(number)
    return counts
