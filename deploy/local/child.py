"""One child process with its log file and the signals it can be sent. Used by kafka, store and supervisor."""

import functools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MARKER = "KEYCOUNTY_RUNTIME_DIR"
LOG_LIMIT_BYTES = 32 * 1024 * 1024


class ChildFailed(RuntimeError):
    """A child ended, or was not ready in time; the message carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: a name for messages, arguments, additions to the environment, the log file and a readiness probe."""

    name: str
    argv: tuple[str, ...]
    log: Path
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None


class Child:
    """A running (or ended) process of a Command. Dies with the thread that started it: no kill -9 leaves it behind."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start the process without waiting for it to be ready; its output is appended to the log file."""
        command = self.command
        command.log.parent.mkdir(parents=True, exist_ok=True)
        if command.log.exists() and command.log.stat().st_size > LOG_LIMIT_BYTES:
            command.log.replace(command.log.with_suffix(".log.1"))
        with command.log.open("ab") as log:
            self._process = subprocess.Popen(
                _dying_with_parent() + command.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **command.env},
                cwd=command.cwd,
                start_new_session=True,  # a Ctrl-C in the terminal reaches the supervisor alone, which stops in order
            )

    def wait_ready(self, timeout: float) -> None:
        """Poll the probe until it holds. Raises ChildFailed when the process ends first or `timeout` seconds pass."""
        deadline = time.monotonic() + timeout
        while True:
            if not self.alive:
                raise ChildFailed(f"{self.name} ended with code {self.exit_code}:\n{self.tail()}")
            if self.command.ready():
                return
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} was not ready in {timeout:g} s:\n{self.tail()}")
            time.sleep(0.02)

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self.signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: the process keeps its sockets and locks but answers nothing until `resume`."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def stop(self, timeout: float = 10.0) -> None:
        """SIGTERM, then SIGKILL when it has not ended after `timeout` seconds."""
        self.resume()
        self.terminate()
        if self._process is None:
            return
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def signal(self, number: signal.Signals) -> None:
        if self._process and self.alive:
            self._process.send_signal(number)

    def tail(self, lines: int = 20) -> str:
        return tail(self.command.log, lines)


def tail(path: Path, lines: int) -> str:
    """The last `lines` lines of a text file; empty when there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64 * 1024))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


@functools.cache
def _dying_with_parent() -> tuple[str, ...]:
    """Linux: a prefix that has the kernel SIGKILL the command when its parent is gone. Elsewhere nothing."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    usage = subprocess.run((setpriv, "--help"), capture_output=True, text=True, check=False).stdout
    return (setpriv, "--pdeathsig", "KILL", "--") if "--pdeathsig" in usage else ()


def orphans(data_dir: Path) -> list[int]:
    """Pids of processes an earlier supervisor started for `data_dir`, told by a mark in their environment (Linux)."""
    wanted = f"{MARKER}={data_dir.resolve()}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
        except OSError:  # not ours to read, or just ended
            continue
    return found


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def accepts_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
