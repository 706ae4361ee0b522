"""E-mail over SMTP: text and HTML, one Message-ID per message however often it is sent."""

import re
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from services.notify.ports import Message, Sent
from services.notify.rules.routing import Contact

SECONDS = 8.0
# One address and nothing else: no list, group, comment or display name, which a header could hide more recipients in.
_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@[^\s@,;:<>()\[\]\"\\]+")


class SmtpChannel:
    """Sends through one relay. `url`: `smtp://[user:password@]host[:port]`, `smtps://` for TLS from the start;
    `?starttls=always|never` (default: when offered).
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._sender = sender
        implicit = parts.scheme == "smtps"
        wanted = parse_qs(parts.query).get("starttls", ["offered"])[0]
        self._options = {
            "hostname": parts.hostname or "localhost",
            "port": parts.port or (465 if implicit else 25),
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": implicit,
            "start_tls": {"always": True, "never": False}.get(wanted),
        }
        self._tls: ssl.SSLContext | None = None

    async def send(self, contact: Contact, message: Message) -> Sent:
        """A refusal with a 5xx code is final, everything else is worth another attempt."""
        if not _ADDRESS.fullmatch(contact.target):
            return Sent("failed", "this is no mail address")
        try:
            _, text = await aiosmtplib.send(
                mail(message, self._sender, contact.target),
                recipients=[contact.target],
                timeout=SECONDS,
                **self._options,  # type: ignore[arg-type]
            )
        except aiosmtplib.SMTPRecipientsRefused as wrong:
            return _refused(wrong.recipients[0].code if wrong.recipients else 550, "recipient refused")
        except aiosmtplib.SMTPResponseException as wrong:
            return _refused(wrong.code, wrong.message)
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as wrong:
            return Sent("again", f"{type(wrong).__name__}: {str(wrong)[:200]}")
        except ValueError as wrong:
            return Sent("failed", f"the mail cannot be written: {str(wrong)[:200]}")
        return Sent("delivered", text[:200])


def _refused(code: int, text: str) -> Sent:
    return Sent("failed" if code >= 500 else "again", f"SMTP {code} {text[:200]}")


def mail(message: Message, sender: str, to: str) -> EmailMessage:
    """The message as mail. Auto-submitted, so that no absence notice comes back."""
    found = EmailMessage()
    found["From"] = sender
    found["To"] = to
    found["Subject"] = message.subject.replace("\n", " ")
    found["Message-ID"] = f"<{message.id}@keycounty>"
    found["Date"] = format_datetime(message.at)
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(message.text)
    found.add_alternative(message.html, subtype="html")
    return found
