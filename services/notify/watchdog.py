"""Watches the lag of notify and scoring; tells the operators without bus and store, from a loop of its own thread."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from services.notify.ports import Channel, Message
from services.notify.rules.routing import Contact
from services.notify.rules.watch import Notice, Watch, look
from services.notify.rules.wording import LAG_NAMES
from services.notify.timely import send_in_time
from shared.telemetry import log

EVERY_SECONDS = 5.0
BEAT_SECONDS = 1.0


class Watchdog:
    """A part of the service. `lags` gives seconds by name (of `LAG_NAMES`) and is read from the watchdog's thread; the
    main loop's own beat is watched too, so that a loop that hangs is noticed. `channels` opens channels for the
    watchdog's loop. `scoring` gives the seconds for which scoring has not kept up.
    """

    def __init__(
        self,
        lags: Callable[[], Mapping[str, float]],
        operators: Sequence[Contact],
        channels: Callable[[], AbstractAsyncContextManager[Mapping[str, Channel]]],
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        every_s: float = EVERY_SECONDS,
        scoring: Callable[[], Awaitable[float]] | None = None,
    ) -> None:
        self._lags = lags
        self._operators = operators
        self._channels = channels
        self._now = now
        self._new_id = new_id
        self._every_s = every_s
        self._scoring = scoring
        self._beat = monotonic()
        self._stopping = threading.Event()
        self._log = log("watchdog")

    async def run(self) -> None:
        """Until `stop`. Without operators' contacts it only logs. A bug in its thread ends it with that error."""
        watching: concurrent.futures.Future[None] = concurrent.futures.Future()
        thread = threading.Thread(target=lambda: _into(watching, self._watch), name="watchdog", daemon=True)
        thread.start()
        while not self._stopping.is_set():
            self._beat = monotonic()
            if watching.done():
                watching.result()
            await asyncio.sleep(min(BEAT_SECONDS, self._every_s))

    async def stop(self) -> None:
        self._stopping.set()

    async def _watch(self) -> None:
        async with self._channels() as channels:
            watch = Watch()
            while not self._stopping.is_set():
                watch = await self._looked(watch, channels)
                await asyncio.sleep(self._every_s)

    async def _looked(self, watch: Watch, channels: Mapping[str, Channel]) -> Watch:
        lags = {**self._lags(), "event_loop": monotonic() - self._beat}
        if self._scoring is not None:
            lags["scoring"] = await self._scoring()
        after, notice = look(watch, lags, self._now())
        # What reached nobody counts as not told: it is tried again.
        return after if notice is None or await self._told(notice, channels) else watch

    async def _told(self, notice: Notice, channels: Mapping[str, Channel]) -> bool:
        seconds = {name: round(lag) for name, lag in notice.complaints.items()}
        self._log.error("notify falls behind" if notice.kind == "behind" else "notify has recovered", lags=seconds)
        outcomes = []
        for contact in self._operators:
            sent = await send_in_time(channels.get(contact.channel), contact, self._message(notice, contact))
            self._log.info("operators told", contact=contact.id, outcome=sent.outcome, detail=sent.detail)
            outcomes.append(sent.outcome)
        return "delivered" in outcomes or not outcomes

    def _message(self, notice: Notice, contact: Contact) -> Message:
        chinese = contact.locale.startswith("zh")
        names = {name: LAG_NAMES[name][0 if chinese else 1] for name in notice.complaints}
        behind = ("、" if chinese else ", ").join(
            f"{names[name]} {seconds:.0f} {'秒' if chinese else 's'}" for name, seconds in notice.complaints.items()
        )
        if notice.kind == "recovered":
            text = "告警服务已恢复正常。" if chinese else "The alert service keeps up again."
        else:
            text = f"告警服务处理滞后：{behind}" if chinese else f"The alert service falls behind: {behind}"
        payload = {"kind": f"notify.{notice.kind}", "lags": dict(notice.complaints)}
        return Message(f"msg_{self._new_id()}", notice.kind, text, text, f"<p>{text}</p>", payload, None, self._now())


def _into(outcome: concurrent.futures.Future[None], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs `work` in a loop of its own; how it ended goes into `outcome`."""
    try:
        outcome.set_result(asyncio.run(work()))
    except Exception as wrong:  # noqa: BLE001 - handed to the main loop, which ends with it
        outcome.set_exception(wrong)
