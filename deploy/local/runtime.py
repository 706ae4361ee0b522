"""The whole system on one machine, as a library: used by `keycounty up`, `keycounty demo` and tests."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Self

from deploy.local.data_dir import DataDirLock, RunFile
from deploy.local.stack import POLL_SECONDS, Options, Stack, StoppedError


class Runtime:
    """Starts a Stack, keeps it running, writes its run file after every change, and stops it in order. The run file is
    there from when all are ready until they are stopped.

    All of it happens in a thread of its own, which the children do not outlive; `start`, `wait` and `stop` may be
    called from any thread. What ends the runtime after its start is kept in `failure`.
    """

    def __init__(self, options: Options, report: Callable[[str], None] = lambda _: None) -> None:
        self.options = options
        self.run_file = (options.run_file or options.data_dir / "run.json").resolve()
        self.failure: Exception | None = None
        self._data_dir = options.data_dir.resolve()
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._stack = Stack(options, self._stopping.is_set, report)
        self._thread = threading.Thread(target=self._run, name="runtime", daemon=True)

    def start(self) -> RunFile:
        """Start and wait until everything is ready.

        Raises DataDirError, PortsTakenError, JarError, ChildFailed, TooManyDeathsError, NotReadyError or StoppedError,
        after stopping what had started.
        """
        self._thread.start()
        while not (self._ready.wait(POLL_SECONDS) or self._ended.is_set()):
            pass
        if self._ready.is_set():
            return RunFile.read(self.run_file)
        self._thread.join()
        raise self.failure or StoppedError("stopped before it was ready")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the runtime has ended; False when it has not within `timeout` seconds."""
        return self._ended.wait(timeout)

    def request_stop(self) -> None:
        """Ask for the end without waiting for it; safe in a signal handler."""
        self._stopping.set()

    def stop(self) -> None:
        """Stop services, store and broker, in this order, within 15 s."""
        self.request_stop()
        if self._thread.ident is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            with DataDirLock(self._data_dir):
                self._live()
        except StoppedError:
            pass
        except Exception as error:  # noqa: BLE001  `start` raises it, or the caller reads it from `failure`
            self.failure = error
        finally:
            self._ended.set()

    def _live(self) -> None:
        self.run_file.unlink(missing_ok=True)  # a killed runtime's: its pids are others' by now
        try:
            self._keep_running()
        finally:
            self._stack.stop()
            self.run_file.unlink(missing_ok=True)

    def _keep_running(self) -> None:
        self._stack.start()
        self._stack.run_file().write(self.run_file)
        self._ready.set()
        while not self._stopping.wait(POLL_SECONDS):
            if self._stack.tick():
                self._stack.run_file().write(self.run_file)


def make_topics(environment: Mapping[str, str]) -> None:
    """`keycounty topics ensure` with the runtime's settings."""
    from shared.settings import Settings
    from shared.topics import ensure

    values = {name.removeprefix("KEYCOUNTY_").lower(): value for name, value in environment.items()}
    wanted = {name: value for name, value in values.items() if name.startswith(("kafka_", "topic_", "mongo_"))}
    asyncio.run(ensure(Settings.model_validate(wanted)))
