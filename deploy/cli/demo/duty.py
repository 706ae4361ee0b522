"""The demo's officers on duty: counties answer their alerts at once, but for one unit, whose prefecture answers from
the mail.
"""

import asyncio
import re
from dataclasses import dataclass, field

from deploy.cli.demo.client import Client, DemoFailed, expect
from deploy.cli.demo.receivers import Received, Receivers
from deploy.cli.demo.world import Body

_LINK = re.compile(r"https?://\S+/ack/[A-Za-z0-9_.~-]+")


@dataclass
class Duty:
    """Answers alerts as they arrive at the receivers. `silent_unit`'s county never does; its prefecture is `backup` (a
    contact's mail address).
    """

    client: Client
    receivers: Receivers
    silent_unit: str
    backup: str
    answered: dict[str, str] = field(default_factory=dict)
    _seen: int = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            fresh, self._seen = self.receivers.taken[self._seen :], len(self.receivers.taken)
            for one in fresh:
                await self._answer(one)
            await asyncio.sleep(0.05)

    async def _answer(self, received: Received) -> None:
        if received.channel == "webhook" and isinstance(received.body, dict):
            await self._answer_webhook(received.to, received.body["data"])
        elif received.to == self.backup:
            await self._answer_mail(str(received.body))

    async def _answer_webhook(self, contact: str, alert: Body) -> None:
        standing = alert["state"] in ("open", "escalated") and alert["id"] not in self.answered
        if not standing or not contact.startswith("county-") or alert["unit_id"] == self.silent_unit:
            return
        self.answered[alert["id"]] = contact
        body = {"note": "On it (demo).", "promise_by": None}
        answer = await self.client.call("POST", "notify", f"/v1/alerts/{alert['id']}/ack", contact, json=body)
        if answer.status_code == 409:  # closed or answered meanwhile: nothing left to promise
            return
        expect(answer, 200)

    async def _answer_mail(self, text: str) -> None:
        link = _LINK.search(text)
        if link is None or link.group() in self.answered:
            return
        self.answered[link.group()] = self.backup
        page = expect(await self.client.http.get(link.group()), 200)
        if "<form" not in page.text:
            return  # closed or answered meanwhile: the page says so and offers nothing
        answer = await self.client.http.post(link.group(), data={"note": "Taken over by the prefecture (demo)."})
        if answer.status_code >= 400:
            raise DemoFailed(f"the acknowledgement link answered {answer.status_code}: {answer.text[:500]}")
