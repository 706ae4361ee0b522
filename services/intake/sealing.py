"""Contact targets and secrets are write-only: sealed for notify as they come in, kept when a PUT leaves them out. Used
by the registry routes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.secrets import seal

Document = Mapping[str, Any]
SealContacts = Callable[[Document, Document | None], Document]
SEALED = ("target", "secret")


def sealer(key: bytes) -> SealContacts:
    """A function from an authority as sent, and as it was before, to the one to be stored."""

    def sealed(authority: Document, before: Document | None) -> Document:
        known = {contact["id"]: contact for contact in (before or {}).get("contacts") or ()}
        contacts = [_contact(contact, known.get(contact["id"], {}), key) for contact in authority["contacts"]]
        return {**authority, "contacts": contacts}

    return sealed


def _contact(contact: Document, before: Document, key: bytes) -> Document:
    kept = {name: before.get(name) if contact[name] is None else seal(key, contact[name]) for name in SEALED}
    return {**contact, **kept}
