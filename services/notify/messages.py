"""Writes what a contact is told, in its language: subject, text, HTML and the JSON of a webhook."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.notify.links import AckLinks
from services.notify.ports import Message
from services.notify.rules.alert import AFTER_ANSWER, Alert, Step, StepKind
from services.notify.rules.routing import Contact
from services.notify.rules.timing import stated_moment
from services.notify.rules.wording import SEVERITY_NAMES
from services.notify.views import alert_view
from shared.web.languages import Language, as_language

Render = Callable[..., str]
REASONS: Mapping[StepKind, str] = {
    StepKind.FIRST: "A hazard has been reported.",
    StepKind.RISE: "The hazard has become more severe.",
    StepKind.REMINDER: "Nobody has answered this alert yet.",
    StepKind.DIGEST: "Nobody has answered this alert yet.",
    StepKind.ESCALATION: "The tier below has not answered in time; the alert has come to you.",
    StepKind.PROMISE: "A promise about this alert was not kept; the hazard still stands.",
    StepKind.STATUTORY: "A statutory time limit for this accident is near.",
    StepKind.NOTICE: "Messages that were held back go out once the silence has ended.",
    StepKind.CLEAR: "The hazard stands no more. Nothing is left to do.",
}
CLOCKS = {
    "authority_passes_up": "The report must be passed up (State Council Decree 493, article 11).",
    "larger_also_to_province": "The province must be told as well (SAWS Order 21, article 6).",
    "casualties": "In three working days the time ends in which a change in the number of casualties must be reported "
    "again (State Council Decree 493, article 13).",
    "investigation": "In three working days the report of the investigation is due "
    "(State Council Decree 493, article 29).",
}
FACTS_SHOWN = 12
TIMES = frozenset({"occurred_at", "ends"})
"""Facts that are moments, in RFC 3339."""
FACT_LABELS = {
    "accident_id": "Accident",
    "checklist": "Checklist",
    "colour": "Colour",
    "colour_without_vetoes": "Colour without vetoes",
    "contact": "Contact",
    "channel": "Channel",
    "deaths": "Deaths",
    "direct_loss_yuan": "Direct loss (yuan)",
    "due_on": "Due on",
    "ends": "Ends",
    "error": "Error",
    "finding_id": "Finding",
    "grade": "Grade",
    "hazard_unit_id": "Hazard unit",
    "index": "Index",
    "item": "Item",
    "level": "Level",
    "location": "Location",
    "missing": "Missing persons",
    "occurred_at": "Occurred at",
    "overdue": "Overdue",
    "place": "Place",
    "reason": "Reason",
    "ref": "Reference",
    "score": "Score",
    "serious_injuries": "Serious injuries",
    "silence": "Silence",
    "stage": "Stage",
}


class MessageWriter:
    """Implements `Composer`. `render` fills a template in a language."""

    def __init__(self, render: Render, links: AckLinks, base_url: str) -> None:
        self._render = render
        self._links = links
        self._base = base_url.rstrip("/")

    def __call__(
        self, alert: Alert, step: Step, contact: Contact, id: str, now: datetime, also: Sequence[Alert] = ()
    ) -> Message:
        language: Language = as_language(contact.locale) or "zh-CN"
        answerable = step.kind not in (StepKind.CLEAR, StepKind.NOTICE)
        link = self._links.url(alert.id, contact.key, now) if answerable else None
        subject = _subject(alert, step, language)
        context: dict[str, Any] = {
            "alert": alert,
            "subject": subject,
            "reason": REASONS[step.kind],
            "clock": CLOCKS.get(step.note),
            "facts": facts_shown(alert.facts),
            "also": [(other, f"{self._base}/alerts/{other.id}") for other in also],
            "ack_url": link,
            "alert_url": f"{self._base}/alerts/{alert.id}",
            "answerable": answerable and step.kind not in AFTER_ANSWER - {StepKind.PROMISE, StepKind.RISE},
        }
        return Message(
            id=f"msg_{id}",
            state=alert.state,
            subject=subject,
            text=self._render("mail.txt", language, **context) if contact.channel != "webhook" else "",
            html=self._render("mail.html", language, **context) if contact.channel == "email" else "",
            payload=alert_view(alert)
            | {
                "step": step.id,
                "ack_url": link,
                "url": context["alert_url"],
                "also": [alert_view(other) for other in also],
            },
            ack_url=link,
            at=now,
        )


def _subject(alert: Alert, step: Step, language: Language) -> str:
    chinese = language == "zh-CN"
    severity = SEVERITY_NAMES[alert.severity][0 if chinese else 1]
    name = alert.headline["zh" if chinese else "en"]
    mark = _marks(step.kind)[0 if chinese else 1]
    return f"【{severity}】{mark}{name}" if chinese else f"[{severity}] {mark}{name}"


def _marks(kind: StepKind) -> tuple[str, str]:
    return {
        StepKind.RISE: ("升级：", "Worse: "),
        StepKind.REMINDER: ("提醒：", "Reminder: "),
        StepKind.DIGEST: ("提醒：", "Reminder: "),
        StepKind.ESCALATION: ("逾时未响应：", "Unanswered: "),
        StepKind.PROMISE: ("承诺未兑现：", "Promise broken: "),
        StepKind.STATUTORY: ("法定时限：", "Statutory limit: "),
        StepKind.CLEAR: ("已解除：", "Cleared: "),
    }.get(kind, ("", ""))


def facts_shown(facts: Mapping[str, Any]) -> list[tuple[str, str | datetime]]:
    """(label, value) of the facts that fit into a message or page, in their order: texts to be translated, times to be
    put into the reader's zone.
    """
    plain = [(name, value) for name, value in facts.items() if isinstance(value, str | int | float) and value != ""]
    return [(FACT_LABELS.get(name, name), _shown(name, value)) for name, value in plain][:FACTS_SHOWN]


def _shown(name: str, value: str | float) -> str | datetime:
    moment = stated_moment(value) if name in TIMES else None
    if moment is not None:
        return moment
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
