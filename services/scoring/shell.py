# mypy: disable-error-code="no-untyped-call"
"""The process of scoring: faust gives worker, signals, order of start and stop, and the web server; nothing else of
it is used.

Its consumer, producer, tables and agents stay off because they lose events in rebalances. Built by wiring.
"""

import logging
import os
import tempfile
from collections.abc import Callable
from typing import Any, NoReturn

import faust
from mode import Service

from services.scoring.edge import edge
from services.scoring.settings import ScoringSettings
from services.scoring.stream import Scorer

BUG_EXIT = 70
logger = logging.getLogger("keycounty.scoring")


class _Boot(faust.App.BootStrategy):  # type: ignore[misc,valid-type]
    enable_kafka = False


class _App(faust.App):
    BootStrategy = _Boot
    producer_only = True  # neither tables nor agents to wait for


class Folding(Service):
    """The scorer's life as a service of faust."""

    def __init__(self, scorer: Scorer, **options: Any) -> None:
        self._scorer = scorer
        super().__init__(**options)

    @Service.task
    async def _run(self) -> None:
        await self._scorer.run()

    async def on_stop(self) -> None:
        """Called by faust on SIGTERM."""
        await self._scorer.stop()


class Shell:
    """One process: `run` serves until SIGTERM (exit 0) or until something ends it (exit 70)."""

    def __init__(self, settings: ScoringSettings, scorer: Scorer, add_pages: Callable[[Any], None]) -> None:
        self._settings = settings
        self._scorer = scorer
        self._add_pages = add_pages

    def run(self) -> NoReturn:
        # faust wants a directory whose parent exists, and keeps nothing of worth in it here.
        with tempfile.TemporaryDirectory(prefix="keycounty-scoring-") as folder:
            app = self._app(folder)
            app.service(Folding(self._scorer))
            self._add_pages(app)
            worker = faust.Worker(app, quiet=True, override_logging=False, redirect_stdouts=False, loglevel=None)
            worker.execute_from_commandline()

    def _app(self, folder: str) -> Any:
        return _App(
            "keycounty-scoring",
            broker="kafka://" + self._settings.kafka_bootstrap,
            datadir=folder,
            topic_disable_leader=True,
            web_application_options={"middlewares": [edge]},
            web_bind=self._settings.host,
            web_host=self._settings.host,
            web_port=self._settings.port,
            worker_redirect_stdouts=False,
        )


def end(why: str, error: BaseException | None) -> None:
    """Ends the process at once with nothing more committed: Kafka delivers again to whoever comes next."""
    logger.critical("the process ends: %s", why, exc_info=error)
    logging.shutdown()
    os._exit(BUG_EXIT)
