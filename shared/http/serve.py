"""Runs a service, its HTTP server and its background parts, until a signal or a bug ends it. Called by each wiring."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Protocol

import uvicorn
from fastapi import FastAPI

from shared.settings import Settings
from shared.telemetry import log

BUG_EXIT = 70
STOP_SECONDS = 4.0


class Part(Protocol):
    """Something that runs until told to stop: a consumer, a sweeper, the HTTP server."""

    async def run(self) -> None: ...

    async def stop(self) -> None: ...


class _Server(uvicorn.Server):
    """uvicorn without signal handling: signals belong to `run_until_stopped`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class HttpServer:
    """One HTTP server in the running loop. A port that is taken ends the process with a clear line from uvicorn."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._server = _Server(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=1,
                server_header=False,
                date_header=True,
                lifespan="on",
            )
        )

    async def run(self) -> None:
        await self._server.serve()

    async def stop(self) -> None:
        self._server.should_exit = True


async def run_until_stopped(parts: Sequence[Part]) -> None:
    """Runs all parts side by side; stops them in reverse order on SIGTERM or SIGINT.

    A part that raises, or ends by itself, is a bug: the process ends at once with exit code 70, before anything more
    is committed.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    tasks = {asyncio.create_task(part.run(), name=type(part).__name__): part for part in parts}
    signalled = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait([*tasks, signalled], return_when=asyncio.FIRST_COMPLETED)
    if signalled not in done:
        _die(done)
    await _stop_all(list(tasks), [tasks[task] for task in tasks])


async def _stop_all(tasks: Sequence[asyncio.Task[None]], parts: Sequence[Part]) -> None:
    for part in reversed(parts):
        await part.stop()
    done, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    failed = {task for task in done if task.exception() is not None}
    if failed:
        _die(failed)


def _die(ended: Iterable[asyncio.Task[Any]]) -> None:
    for task in ended:
        error = task.exception()
        log("service").critical("a part ended unexpectedly", part=task.get_name(), exc_info=error)
    os._exit(BUG_EXIT)
