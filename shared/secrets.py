"""Sealing of what must be stored or published but not be readable there: contact targets and webhook secrets."""

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import Rejected

SCHEME = "v1:"
KEY_BYTES = 32
NONCE_BYTES = 12


def seal(key: bytes, plain: str) -> str:
    """`plain` under AES-256-GCM: `v1:` and URL-safe base64 of nonce, ciphertext and tag. Differs with every call."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plain.encode(), SCHEME.encode())
    return SCHEME + base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(key: bytes, sealed: str) -> str:
    """What was sealed. Raises `Rejected("unsealable")` for another key or anything that was changed."""
    try:
        if not sealed.startswith(SCHEME):
            raise ValueError("unknown scheme")
        raw = base64.urlsafe_b64decode(sealed.removeprefix(SCHEME))
        return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], SCHEME.encode()).decode()
    except (ValueError, InvalidTag, binascii.Error) as wrong:
        raise Rejected("unsealable", "sealed under another key, or damaged") from wrong


def read_key(path: Path) -> bytes:
    """The 32-byte key in a file, base64. Raises ValueError naming the file, never its content."""
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} must hold {KEY_BYTES} random bytes in base64")
    return key
