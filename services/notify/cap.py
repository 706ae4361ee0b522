"""Alerts as Common Alerting Protocol 1.2 messages (OASIS, CAP-v1.2-os) and their Atom feed. Called by the routes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

from lxml import etree

from services.notify.rules.alert import Alert
from services.notify.rules.wording import KINDS
from shared.events.alerts import AlertClosed, AlertReopened, AlertSnapshot
from shared.events.envelope import Event

CAP = "urn:oasis:names:tc:emergency:cap:1.2"
ATOM = "http://www.w3.org/2005/Atom"
SENDER = "keycounty-notify"
SOURCE_OID = "2.25"
"""Identifiers below 2.25 are made of a UUID and need no registration (ITU-T X.667)."""
_SEVERITIES = {"extreme": "Extreme", "severe": "Severe", "moderate": "Moderate", "minor": "Minor"}
_LANGUAGES = (("zh-CN", "zh"), ("en-US", "en"))
_FACTS = 20
Url = Callable[[str], str]


def identifier(event: Event) -> str:
    """OID of the message that tells of an event: 2.25 and the event's UUID as a decimal number."""
    return f"{SOURCE_OID}.{event.id.int}"


def messages(history: Sequence[Event]) -> list[Event]:
    """The events of an alert that are CAP messages: what changes the alert itself, deliveries left out."""
    return [event for event in history if isinstance(event.data, AlertSnapshot)]


def message(history: Sequence[Event], area: Mapping[str, str], page: Url, zone: tzinfo) -> bytes:
    """The CAP message of an alert's latest change: Alert for its first, Cancel once closed, else Update. `history` is
    the alert's, oldest first; all earlier messages are referenced. One that is opened again begins anew: what was
    cancelled is not updated.
    """
    told = _since_reopened(messages(history))
    latest = told[-1]
    data = latest.data
    assert isinstance(data, AlertSnapshot)
    root = etree.Element(_tag("alert"), nsmap={None: CAP})
    _add(root, "identifier", identifier(latest))
    _add(root, "sender", SENDER)
    _add(root, "sent", _moment(latest.time, zone))
    _add(root, "status", "Exercise" if data.drill else "Actual")
    _add(root, "msgType", _type(data, len(told)))
    _add(root, "scope", "Restricted")
    _add(root, "restriction", "authorities of the unit's chain")
    if data.drill:
        _add(root, "note", "Drill / 演练")
    references = [f"{SENDER},{identifier(event)},{_moment(event.time, zone)}" for event in told[:-1]]
    if references:
        _add(root, "references", " ".join(references))
    for language, key in _LANGUAGES:
        _add_info(root, data, language, key, area, page(str(data.alert_id)), zone)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _since_reopened(told: Sequence[Event]) -> Sequence[Event]:
    again = [place for place, event in enumerate(told) if isinstance(event.data, AlertReopened)]
    return told[again[-1] :] if again else told


def _type(data: AlertSnapshot, count: int) -> str:
    if isinstance(data, AlertClosed):
        return "Cancel"
    return "Alert" if count == 1 else "Update"


def _add_info(
    root: etree._Element,
    data: AlertSnapshot,
    language: str,
    key: str,
    area: Mapping[str, str],
    page: str,
    zone: tzinfo,
) -> None:
    info = etree.SubElement(root, _tag("info"))
    names = KINDS.get(data.policy_key or data.kind) or (data.kind, data.kind)
    _add(info, "language", language)
    _add(info, "category", "Safety")
    if data.kind.startswith("accident"):
        _add(info, "category", "CBRNE")
    _add(info, "event", names[0 if key == "zh" else 1])
    _add(info, "responseType", "AllClear" if data.state == "closed" else "Assess")
    _add(info, "urgency", _urgency(data))
    _add(info, "severity", _SEVERITIES[data.severity])
    _add(info, "certainty", "Observed")
    _add_value(info, "eventCode", "keycounty:kind", data.policy_key or data.kind)
    _add(info, "effective", _moment(data.opened_at, zone))
    _add(info, "expires", _moment(data.at + timedelta(days=30), zone))
    _add(info, "senderName", "Key County / 重点县专家指导服务")
    _add(info, "headline", data.headline[key][:160])
    _add(info, "web", page)
    _add_value(info, "parameter", "state", data.state)
    for name, value in list(data.facts.items())[:_FACTS]:
        if isinstance(value, str | int | float | bool):
            _add_value(info, "parameter", name, str(value))
    place = etree.SubElement(info, _tag("area"))
    _add(place, "areaDesc", area[key])
    geocode = etree.SubElement(place, _tag("geocode"))
    _add(geocode, "valueName", "keycounty:unit")
    _add(geocode, "value", data.unit_id)


def _urgency(data: AlertSnapshot) -> str:
    if data.state == "closed":
        return "Past"
    return "Immediate" if data.severity in ("extreme", "severe") else "Expected"


def feed(alerts: Sequence[Alert], url: Url, page: Url, address: str, now: datetime, zone: tzinfo) -> bytes:
    """Atom feed (RFC 4287) of alerts, each entry with its CAP message as alternate."""
    root = etree.Element(_atom("feed"), nsmap={None: ATOM})
    updated = max((alert.changed_at for alert in alerts), default=now)
    _text(root, _atom("id"), address)
    _text(root, _atom("title"), "Key County alerts / 重点县专家指导服务告警")
    _text(root, _atom("updated"), _moment(updated, zone))
    _link(root, address, "self", "application/atom+xml")
    author = etree.SubElement(root, _atom("author"))
    _text(author, _atom("name"), SENDER)
    for alert in alerts:
        entry = etree.SubElement(root, _atom("entry"))
        _text(entry, _atom("id"), UUID(alert.id).urn)
        _text(entry, _atom("title"), f"{alert.headline['zh']} / {alert.headline['en']}")
        _text(entry, _atom("updated"), _moment(alert.changed_at, zone))
        _text(entry, _atom("published"), _moment(alert.opened_at, zone))
        _text(entry, _atom("summary"), f"{alert.severity}, {alert.state}")
        _link(entry, url(alert.id), "alternate", "application/cap+xml")
        _link(entry, page(alert.id), "related", "text/html")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _moment(moment: datetime, zone: tzinfo) -> str:
    """CAP wants whole seconds and a numeric offset, never Z."""
    return moment.astimezone(zone).replace(microsecond=0).isoformat()


def _tag(name: str) -> str:
    return f"{{{CAP}}}{name}"


def _atom(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def _add(parent: etree._Element, name: str, text: str) -> None:
    _text(parent, _tag(name), text)


def _add_value(parent: etree._Element, name: str, value_name: str, value: str) -> None:
    found = etree.SubElement(parent, _tag(name))
    _add(found, "valueName", value_name)
    _add(found, "value", value)


def _text(parent: etree._Element, tag: str, text: str) -> None:
    # XML has no place for control characters, which a free text may hold.
    etree.SubElement(parent, tag).text = "".join(char for char in text if char.isprintable() or char in "\n\t")


def _link(parent: etree._Element, href: str, rel: str, type: str) -> None:
    etree.SubElement(parent, _atom("link"), {"href": href, "rel": rel, "type": type})
