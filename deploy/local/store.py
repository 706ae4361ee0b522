"""SecantusDB as a process of its own: the local runtime's MongoDB-protocol store. Used by `keycounty up` and tests.

It is GPL-2.0-only: its command is run, nothing of it is imported.
"""

import os
import sys
from pathlib import Path
from typing import Self

from deploy.local.child import MARKER, Child, Command, accepts_connections, free_port

# Names another server with the same options, such as the family's one in Rust: faster, and never needed.
OTHER_SERVER = "KEYCOUNTY_STORE_SERVER"


class LocalStore:
    """A store on 127.0.0.1 with its data under `data_dir`; start, stop, kill, freeze, and start again on the same data.

    Acknowledged writes (w=majority) survive a kill -9: the server fsyncs at each commit.
    """

    def __init__(self, data_dir: Path, port: int | None = None, *, runtime_dir: Path | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or free_port()
        # What this server remembers of retryable writes it goes through at each write, which soon costs more than the
        # write does. Whoever writes here may repeat it without them.
        self.uri = f"mongodb://127.0.0.1:{self.port}/?replicaSet=secantus&retryWrites=false&w=majority"
        own = Path(sys.executable).with_name("secantusd-py")
        self.server = Path(os.environ.get(OTHER_SERVER) or own)
        self.child = Child(self._command(runtime_dir or self.data_dir))

    @property
    def pid(self) -> int | None:
        return self.child.pid

    def start(self, timeout: float = 30.0) -> Self:
        """Start and wait until connections are accepted. Raises ChildFailed with the log's end."""
        self.prepare()
        self.child.start()
        self.child.wait_ready(timeout)
        return self

    def prepare(self) -> None:
        """Make the directories and an empty configuration file; without one the server reads the home folder's."""
        (self.data_dir / "data").mkdir(parents=True, exist_ok=True)
        self._config.touch()

    def stop(self, timeout: float = 10.0) -> None:
        self.child.stop(timeout)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.child.kill()

    def freeze(self) -> None:
        self.child.freeze()

    def resume(self) -> None:
        self.child.resume()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _config(self) -> Path:
        return self.data_dir / "secantusd.toml"

    def _command(self, runtime_dir: Path) -> Command:
        options = {
            "--config": self._config,
            "--host": "127.0.0.1",
            "--port": self.port,
            "--storage-path": self.data_dir / "data",
            "--log-level": "WARNING",
            "--cache-size": "256M",
        }
        argv = [str(self.server), *(str(part) for option in options.items() for part in option), "--sync-on-commit"]
        return Command(
            name="mongo",
            argv=tuple(argv),
            log=self.data_dir / "mongo.log",
            ready=lambda: accepts_connections(self.port),
            env={MARKER: str(runtime_dir.resolve())},
            cwd=self.data_dir if self.data_dir.exists() else None,
        )
