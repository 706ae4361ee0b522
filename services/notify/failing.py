"""Contacts that keep failing, as the operators' alerts: opened when one is taken out, cleared when it is back. Used by
the stages.
"""

from collections.abc import Callable
from datetime import datetime

from services.notify.changing import Changing, patiently
from services.notify.receivers import Receivers
from services.notify.rules.alert import Alert, Change
from services.notify.rules.routing import OPERATORS, Contact
from services.notify.rules.unreachable import channel_back, channel_failing, failing_again


class FailingContacts:
    """Notes how attempts end. The operators' own contacts raise no alert: nobody is left to be told."""

    def __init__(self, alerts: Changing, receivers: Receivers, now: Callable[[], datetime]) -> None:
        self._alerts = alerts
        self._receivers = receivers
        self._now = now

    async def note(self, contact: Contact, delivered: bool, detail: str, cause: Alert) -> None:
        """Takes an attempt's end in. `cause`: the alert that the message was about."""
        turned = self._receivers.note(contact, delivered)
        if turned is None or contact.authority_id == OPERATORS:
            return
        opening = channel_failing(contact.key, contact.channel, detail, cause, self._now())
        await patiently(lambda: self._fails(opening) if turned == "out" else self._works(opening))

    async def _fails(self, opening: Change) -> None:
        if not await self._alerts.insert(opening):
            await self._change(opening, failing_again)

    async def _works(self, opening: Change) -> None:
        await self._change(opening, channel_back)

    async def _change(self, opening: Change, decide: Callable[[Alert, datetime], Change | None]) -> None:
        alert = await self._alerts.get(opening.alert.id)
        if alert is not None:
            await self._alerts.change(alert, lambda found: decide(found, self._now()))
