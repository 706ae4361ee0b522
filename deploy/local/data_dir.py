"""The data directory of a local runtime: its lock, secrets, simulated clock and run file. Used by `Runtime`."""

import base64
import fcntl
import json
import os
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Self

from deploy.local.child import orphans


class DataDirError(RuntimeError):
    """The data directory cannot be used: it is in use, or runs on another simulated clock."""


class DataDirLock:
    """At most one runtime per data directory. The kernel drops the lock with its holder: kill -9 leaves none."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock, then end what a killed runtime left running. Raises DataDirError naming the holder's pid."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        file = (self._data_dir / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise DataDirError(f"{self._data_dir} is in use by another runtime (pid {holder})") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        end_orphans(self._data_dir)

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def in_use(data_dir: Path) -> bool:
    """Whether a runtime holds the directory now."""
    try:
        with (data_dir / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def end_orphans(data_dir: Path, timeout: float = 5.0) -> None:
    """SIGKILL every process an earlier runtime left for `data_dir`, and wait until they are gone."""
    deadline = time.monotonic() + timeout
    while left := orphans(data_dir):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise DataDirError(f"processes of an earlier run do not end: {left}")
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secret files of the runtime (mode 0600) and the first admin key."""

    signing_key_file: Path
    contact_key_file: Path
    session_secret_file: Path
    admin_key: str

    @property
    def admin_key_sha256(self) -> str:
        return sha256(self.admin_key.encode()).hexdigest()


def ensure_secrets(folder: Path) -> Secrets:
    """The secrets in `folder`, each made when it is missing and kept otherwise."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signing, contact, session = (folder / name for name in ("signing-key.pem", "contact-key", "session-secret"))
    _keep_or_make(signing, _signing_key_pem)
    _keep_or_make(contact, lambda: base64.b64encode(secrets.token_bytes(32)))
    _keep_or_make(session, lambda: secrets.token_urlsafe(32).encode())
    admin = _keep_or_make(folder / "admin-key", lambda: secrets.token_urlsafe(32).encode())
    return Secrets(signing, contact, session, admin.decode())


def _keep_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        write_private(path, make())
    return path.read_bytes()


def _signing_key_pem() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by an atomic rename; readable by its owner alone."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """It was `start` on the simulated clock when it was `anchor` on the machine's: a constant offset over restarts."""

    start: datetime
    anchor: datetime


def ensure_clock(data_dir: Path, start: datetime | None, now: datetime) -> SimulatedClock | None:
    """The directory's clock: the one it already runs on, else one that is at `start` now, else (None) the machine's.

    Raises DataDirError when it runs on a clock with another start.
    """
    path = data_dir / "clock.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        clock = SimulatedClock(datetime.fromisoformat(kept["start"]), datetime.fromisoformat(kept["anchor"]))
        if start is not None and start != clock.start:
            raise DataDirError(f"{data_dir} runs on a clock that started at {clock.start.isoformat()}, not {start}")
        return clock
    if start is None:
        return None
    write_private(path, json.dumps({"start": start.isoformat(), "anchor": now.isoformat()}).encode())
    return SimulatedClock(start, now)


@dataclass(frozen=True, slots=True)
class RunFile:
    """`run.json`: where the parts of a running system and its data are, their pids, and the first admin key."""

    data_dir: str
    kafka: str
    mongo: str
    services: dict[str, str]
    replicas: dict[str, list[str]]
    pids: dict[str, list[int]]
    admin_key: str

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, json.dumps(asdict(self), indent=2).encode())

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text(encoding="utf-8")))
