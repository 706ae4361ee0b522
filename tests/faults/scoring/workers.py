"""Workers of scoring as processes of their own, and what may happen to them. Used by the rounds."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.child import free_port

SESSION_S = 6.0
STOP_WAIT_S = 30.0
STARTING_S = 4.0


@dataclass
class Worker:
    """One process of `python -m services.scoring`."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@dataclass
class Workers:
    """The workers of one round; `complaints` collects promises of a single worker that were broken."""

    settings: dict[str, str]
    folder: Path
    all: list[Worker] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)

    def start(self) -> Worker:
        port, name = free_port(), f"w{len(self.all) + 1}"
        log = self.folder / f"{name}.log"
        own = {"KEYCOUNTY_PORT": str(port), "KEYCOUNTY_SCORING_SESSION_S": str(SESSION_S)}
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.scoring"],
                env={**os.environ, **self.settings, **own},
                stdout=out,
                stderr=out,
            )
        self.all.append(Worker(name, process, port, log))
        return self.all[-1]

    async def started(self) -> Worker:
        """One more, and ready."""
        worker = self.start()
        deadline = time.monotonic() + 40
        while not await asyncio.to_thread(worker.ready):
            if not worker.alive or time.monotonic() > deadline:
                raise AssertionError(f"{worker.name} is not ready: {worker.log.read_text()[-2000:]}")
            await asyncio.sleep(0.1)
        return worker

    def alive(self) -> list[Worker]:
        return [worker for worker in self.all if worker.alive]

    async def terminate(self, worker: Worker) -> None:
        """SIGTERM: exit 0; `stops` keeps how long it took."""
        began = time.monotonic()
        worker.process.terminate()
        try:
            code = await asyncio.to_thread(worker.process.wait, STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            code = -9
        self.stops.append(time.monotonic() - began)
        # A signal that comes while Python still imports ends it the default way: nothing has begun by then.
        early = code == -signal.SIGTERM and began - worker.began < STARTING_S
        if code != 0 and not early:
            self.complaints.append(f"{worker.name}: SIGTERM gave exit {code} after {self.stops[-1]:.1f} s")

    def revive(self) -> None:
        """A supervisor's part: there is at least one worker."""
        if not self.alive():
            self.start()

    def end(self) -> None:
        for worker in self.alive():
            worker.wake()
            worker.kill()
