"""The children of a local runtime: started in order, watched, stopped in order. Driven by `Runtime` in its thread."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.child import Child
from deploy.local.data_dir import RunFile, ensure_clock, ensure_secrets
from deploy.local.kafka import LocalKafka
from deploy.local.ports import SERVICES, Ports
from deploy.local.service import module_argv, readiness, service_command, service_url, settings_environment
from deploy.local.store import LocalStore
from deploy.local.supervisor import Supervisor

POLL_SECONDS = 0.1
SERVICES_STOP_SECONDS = 6.0
BACKEND_STOP_SECONDS = 4.0


class NotReadyError(RuntimeError):
    """Some services were not ready in time; the message says what each answered."""


class StoppedError(RuntimeError):
    """The runtime was told to stop before it was ready."""


def _one_of_each() -> dict[str, int]:
    return dict.fromkeys(SERVICES, 1)


def _modules() -> dict[str, tuple[str, ...]]:
    return {name: module_argv(name) for name in SERVICES}


@dataclass(frozen=True, slots=True)
class Options:
    """How a runtime is started.

    `run_file` defaults to `data_dir/run.json`. `clock_start` (aware) sets a simulated clock going. `commands` are the
    services' command lines (tests put small ones) and `extra_env` is added to their environment. `make_topics` gets the
    `KEYCOUNTY_…` settings once the broker is ready.
    """

    data_dir: Path
    run_file: Path | None = None
    ports: Ports = field(default_factory=Ports)
    replicas: Mapping[str, int] = field(default_factory=_one_of_each)
    max_deaths: int = 5
    ready_timeout: float = 120.0
    clock_start: datetime | None = None
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=_modules)
    extra_env: Mapping[str, str] = field(default_factory=dict)
    make_topics: Callable[[Mapping[str, str]], None] | None = None


class Stack:
    """Broker, store and services of a data directory. `stopping` is asked between steps, `report` told of each."""

    def __init__(self, options: Options, stopping: Callable[[], bool], report: Callable[[str], None]) -> None:
        self.options = options
        self.data_dir = options.data_dir.resolve()
        self._stopping = stopping
        self._report = report
        self._kafka = LocalKafka(
            self.data_dir / "kafka", options.ports.kafka, options.ports.controller, runtime_dir=self.data_dir
        )
        self._store = LocalStore(self.data_dir / "mongo", options.ports.mongo, runtime_dir=self.data_dir)
        self._supervisor = Supervisor(options.max_deaths)
        self._children: dict[str, list[Child]] = {}
        self._admin_key = ""

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises what `Runtime.start` names."""
        options = self.options
        options.ports.check(options.replicas)
        secrets = ensure_secrets(self.data_dir / "secrets")
        clock = ensure_clock(self.data_dir, options.clock_start, datetime.now(UTC))
        self._admin_key = secrets.admin_key
        bootstrap, uri = self._kafka.bootstrap, self._store.uri
        environment = settings_environment(secrets, options.ports, bootstrap, uri, clock) | dict(options.extra_env)
        with self._step("broker and store"):
            self._start_backends()
        if options.make_topics:
            with self._step("topics"):
                options.make_topics(environment)
        with self._step("services"):
            self._start_services(environment)

    def tick(self) -> bool:
        """Start dead children again; True when a pid changed. Raises TooManyDeathsError."""
        return self._supervisor.tick(self._all())

    def run_file(self) -> RunFile:
        urls = {
            name: [service_url(self.options.ports, name, replica) for replica in range(self._replicas(name))]
            for name in self.options.commands
        }
        return RunFile(
            data_dir=str(self.data_dir),
            kafka=self._kafka.bootstrap,
            mongo=self._store.uri,
            services={name: found[0] for name, found in urls.items()},
            replicas=urls,
            pids={name: [c.pid for c in found if c.pid and c.alive] for name, found in self._children.items()},
            admin_key=self._admin_key,
        )

    def stop(self) -> None:
        """SIGTERM the services together, then the store, then the broker; SIGKILL what does not end. At most 14 s."""
        services = self._services()
        for child in services:
            child.resume()
            child.terminate()
        deadline = time.monotonic() + SERVICES_STOP_SECONDS
        for child in services:
            child.stop(max(0.0, deadline - time.monotonic()))
        self._store.stop(BACKEND_STOP_SECONDS)
        self._kafka.stop(BACKEND_STOP_SECONDS)

    def _start_backends(self) -> None:
        if self._kafka.needs_download:
            self._report("fetching Kafka's jars into the package cache, this once (44 MB)")
        self._store.prepare()
        self._start("mongo", self._store.child)
        self._kafka.prepare()
        for child in self._kafka.children:
            self._start("kafka", child)
        self._await_ready()

    def _start_services(self, environment: Mapping[str, str]) -> None:
        for name, argv in self.options.commands.items():
            for replica in range(self._replicas(name)):
                command = service_command(
                    name, replica, self.options.ports, self.data_dir, argv=argv, environment=environment
                )
                self._start(name, Child(command))
        self._await_ready()

    def _start(self, name: str, child: Child) -> None:
        self._raise_if_stopping()
        self._children.setdefault(name, []).append(child)
        child.start()

    def _await_ready(self) -> None:
        """Wait until every child started so far is ready, starting again those that die meanwhile."""
        deadline = time.monotonic() + self.options.ready_timeout
        waiting = self._all()
        while waiting := [child for child in waiting if not (child.alive and child.command.ready())]:
            self._raise_if_stopping()
            self.tick()
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"not ready in {self.options.ready_timeout:g} s:\n" + "\n".join(map(self._complaint, waiting))
                )
            time.sleep(POLL_SECONDS)

    def _complaint(self, child: Child) -> str:
        port = child.command.env.get("KEYCOUNTY_PORT")
        return f"{child.name}: {readiness(int(port)) if port else 'no answer'}\n{child.tail()}"

    def _raise_if_stopping(self) -> None:
        if self._stopping():
            raise StoppedError("stopped before it was ready")

    def _replicas(self, name: str) -> int:
        return self.options.replicas.get(name, 1)

    def _all(self) -> list[Child]:
        return [child for found in self._children.values() for child in found]

    def _services(self) -> list[Child]:
        return [child for name, found in self._children.items() if name not in ("kafka", "mongo") for child in found]

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._report(f"{what} ready ({time.monotonic() - started:.1f} s)")
