"""Who is told: the authorities above a unit, their contacts with whoever is on duty first, and who steps in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from services.notify.rules.alert import TIERS
from shared.events.alerts import Tier

CHANNELS = ("email", "webhook", "wecom", "dingtalk", "feishu", "apprise")
PERSONAL = frozenset({"email"})
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OPERATORS = "operators"
_DAYS = re.compile(r"^(mon|tue|wed|thu|fri|sat|sun)(?:-(mon|tue|wed|thu|fri|sat|sun))?$")


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach somebody at an authority; `target` and `secret` as the registry has them (sealed)."""

    authority_id: str
    id: str
    channel: str
    target: str
    secret: str | None = None
    locale: str = "zh-CN"
    on_duty: bool = True

    @property
    def key(self) -> str:
        return f"{self.authority_id}/{self.id}"

    @property
    def personal(self) -> bool:
        """One person reads it; a group or a machine does otherwise, and an answer must name who gives it."""
        return self.channel in PERSONAL


@dataclass(frozen=True, slots=True)
class Desk:
    """One authority of the chain: its tier and usable contacts, those on duty first."""

    tier: Tier | str
    authority_id: str
    name: Mapping[str, str]
    contacts: tuple[Contact, ...]


Route = tuple[Desk, ...]
Chain = Sequence[tuple[str, str, Mapping[str, Any]]]


def route_of(chain: Chain, now: datetime, zone: tzinfo) -> Route:
    """The desks of a chain that can be reached, lowest tier first."""
    desks = [desk_of(tier, authority_id, found, now, zone) for tier, authority_id, found in chain]
    usable = [desk for desk in desks if desk.contacts and desk.tier in TIERS]
    return tuple(sorted(usable, key=lambda desk: TIERS.index(desk.tier)))


def desk_of(tier: str, id: str, authority: Mapping[str, Any], now: datetime, zone: tzinfo) -> Desk:
    """An authority with its usable contacts, those on duty first; the order of the registry otherwise."""
    found = [
        Contact(
            id,
            contact["id"],
            contact["channel"],
            contact["target"],
            contact.get("secret"),
            contact.get("locale") or "zh-CN",
            on_duty(contact.get("hours"), now, zone),
        )
        for contact in authority.get("contacts") or ()
        if contact.get("channel") in CHANNELS and contact.get("target")
    ]
    return Desk(tier, id, authority.get("name") or {}, tuple(sorted(found, key=lambda contact: not contact.on_duty)))


def on_duty(hours: Sequence[Mapping[str, str]] | None, now: datetime, zone: tzinfo) -> bool:
    """Whether a roster covers the moment; none means always. A shift that ends before it begins crosses midnight."""
    if not hours:
        return True
    local = now.astimezone(zone)
    return any(_in_shift(shift, local) for shift in hours)


def _in_shift(shift: Mapping[str, str], local: datetime) -> bool:
    days, clock = _days(shift["days"]), local.time()
    start, end = time.fromisoformat(shift["from"]), _end(shift["to"])
    today, yesterday = DAYS[local.weekday()] in days, DAYS[(local - timedelta(days=1)).weekday()] in days
    if start < end:
        return today and start <= clock < end
    return (today and clock >= start) or (yesterday and clock < end)


def _end(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)


def _days(text: str) -> frozenset[str]:
    found: set[str] = set()
    for part in text.lower().replace(" ", "").split(","):
        match = _DAYS.match(part)
        if match is None:
            continue
        first = DAYS.index(match[1])
        count = (DAYS.index(match[2] or match[1]) - first) % 7
        found |= {DAYS[(first + offset) % 7] for offset in range(count + 1)}
    return frozenset(found)


def tier_at_or_above(route: Route, tier: Tier) -> tuple[Tier | None, tuple[Tier, ...]]:
    """The lowest reachable tier from `tier` up, and the tiers passed over; None when there is none."""
    passed: list[Tier] = []
    for candidate in TIERS[TIERS.index(tier) :]:
        if any(desk.tier == candidate for desk in route):
            return candidate, tuple(passed)
        passed.append(candidate)
    return None, tuple(passed)


def next_tier(route: Route, tier: Tier) -> tuple[Tier | None, tuple[Tier, ...]]:
    """The lowest reachable tier above `tier`, and those passed over."""
    place = TIERS.index(tier) + 1
    return tier_at_or_above(route, TIERS[place]) if place < len(TIERS) else (None, ())


def recipients(desk: Desk, given_up: Sequence[str]) -> tuple[Contact, ...]:
    """Whom a message to a desk goes to: everybody on duty, and for each that failed for good the next one in line.

    A desk with nobody on duty counts all its contacts as on duty.
    """
    duty = [contact for contact in desk.contacts if contact.on_duty] or list(desk.contacts)
    standing = [contact for contact in duty if contact.key not in given_up]
    reserve = [contact for contact in desk.contacts if contact not in duty and contact.key not in given_up]
    return (*standing, *reserve[: len(duty) - len(standing)])
