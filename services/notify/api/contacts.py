"""Trying a contact, and asking who would be told, before anything happens."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.notify.ports import Channel, Directory, Message
from services.notify.rules.alert import TIERS
from services.notify.rules.routing import Contact, desk_of, recipients
from services.notify.rules.timing import ack_within, severity_of
from services.notify.timely import send_in_time
from shared.events.alerts import Tier
from shared.http.auth import Access, Current
from shared.http.permissions import Action
from shared.http.problems import not_found
from shared.registry import Registry


class ContactTest(BaseModel):
    """A contact of an authority."""

    model_config = ConfigDict(extra="forbid")

    authority_id: str = Field(max_length=100)
    contact_id: str = Field(max_length=100)


class Contacts:
    """`new_id` draws the id of a test message: nothing causes one but the wish to try."""

    def __init__(
        self,
        registry: Registry,
        directory: Directory,
        channels: Mapping[str, Channel],
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._registry = registry
        self._directory = directory
        self._channels = channels
        self._now = now
        self._new_id = new_id

    async def test(self, access: Access, wanted: ContactTest) -> dict[str, Any]:
        """Sends a message marked as a test. Raises 404 for a contact that is unknown or of another area."""
        contact = self._contact(access, wanted)
        message = _test_message(str(self._new_id()), contact, self._now())
        sent = await send_in_time(self._channels.get(contact.channel), contact, message)
        return {"outcome": sent.outcome, "detail": sent.detail, "message_id": message.id}

    def who(self, access: Access, unit_id: str, policy_key: str) -> dict[str, Any]:
        """Who would be told of such a hazard now, tier by tier, and after how many minutes unanswered."""
        access.require(Action.READ_RISK, unit_id)
        if self._registry.unit(unit_id) is None:
            raise not_found()
        now, terms = self._now(), self._directory.terms()
        severity = severity_of(terms.policy, policy_key)
        route = self._directory.route_of_unit(unit_id, now)
        at_once = set(terms.policy.tiers_at_once[severity]) | ({route[0].tier} if route else set())
        wait = ack_within(terms, severity, now).total_seconds() / 60
        tiers = []
        for climbed, desk in enumerate(route):
            told = [{"contact_id": one.id, "channel": one.channel, "on_duty": one.on_duty} for one in desk.contacts]
            now_told = {one.id for one in recipients(desk, ())}
            minutes = 0.0 if desk.tier in at_once else wait * climbed
            contacts = [one | {"told": one["contact_id"] in now_told} for one in told]
            tiers.append(
                {"tier": desk.tier, "authority_id": desk.authority_id, "after_minutes": minutes, "contacts": contacts}
            )
        reachable = {desk.tier for desk in route}
        absent: list[Tier] = [tier for tier in TIERS if tier not in reachable]
        return {"unit_id": unit_id, "severity": severity, "tiers": tiers, "not_reachable": absent}

    def _contact(self, access: Access, wanted: ContactTest) -> Contact:
        principal = access.principal
        free = access.allows(Action.REGISTER) or principal.role == "national"
        if not free:
            access.require_role(Action.ANSWER_ALERT)
            if principal.authority != wanted.authority_id:
                raise not_found()
        authority = self._registry.authority(wanted.authority_id)
        if authority is None:
            raise not_found()
        terms = self._directory.terms()
        desk = desk_of(authority["tier"], wanted.authority_id, authority, self._now(), terms.zone)
        contact = next((one for one in desk.contacts if one.id == wanted.contact_id), None)
        if contact is None:
            raise not_found()
        return contact


def _test_message(id: str, contact: Contact, now: datetime) -> Message:
    chinese = contact.locale.startswith("zh")
    subject = "【测试】重点县专家指导服务告警通道" if chinese else "[test] Key County alert channel"
    text = "这是一条测试消息，无需处理。" if chinese else "This is a test message. Nothing has to be done."
    payload = {"test": True, "authority_id": contact.authority_id, "contact_id": contact.id}
    return Message(f"msg_{id}", "test", subject, text, f"<p>{text}</p>", payload, None, now)


def router(contacts: Contacts) -> APIRouter:
    """`/v1/contacts/test` and `/v1/routes`."""
    found = APIRouter(prefix="/v1", tags=["contacts"])

    @found.post("/contacts/test")
    async def test(access: Current, body: ContactTest) -> dict[str, Any]:
        """Sends a test message to one contact and says how it went."""
        return await contacts.test(access, body)

    @found.get("/routes")
    async def who(
        access: Current,
        unit_id: Annotated[str, Query(max_length=64)],
        kind: Annotated[str, Query(max_length=64)] = "major_finding",
    ) -> dict[str, Any]:
        """Dry run: who would be told of a hazard of this kind now? Nothing is sent."""
        return contacts.who(access, unit_id, kind)

    return found
