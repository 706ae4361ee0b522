"""Receipts and their chains, as pure functions: made by intake, verified offline by anybody (`keycounty receipts
verify`).

A receipt is `{"subject", "seq", "sha256", "prev", "accepted_at", "kid", "signature"}`: `sha256` (hex) of the bytes
received, `prev` the SHA-256 (hex) of
the previous receipt's canonical form (RFC 8785), Ed25519 over the canonical form without `signature` (base64url, no
padding).
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

Receipt = Mapping[str, Any]
Problem = Literal[
    "malformed", "foreign", "missing", "reordered", "altered", "broken_link", "unknown_key", "bad_signature"
]
FIELDS = ("subject", "seq", "sha256", "prev", "accepted_at", "kid", "signature")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a chain: the place in the file (0 first), the sequence number there, the kind, and a
    sentence.
    """

    index: int
    seq: int | None
    problem: Problem
    detail: str


class SigningKeys:
    """The Ed25519 keys of one issuer. The first signs; the others only stay published, so that old receipts verify
    after a rotation.
    """

    def __init__(self, private_keys: Sequence[Ed25519PrivateKey]) -> None:
        if not private_keys:
            raise ValueError("there is no signing key")
        self._active = private_keys[0]
        self.public = {kid_of(key.public_key()): key.public_key() for key in private_keys}
        self.kid = next(iter(self.public))

    def sign(self, message: bytes) -> str:
        """The signature by the active key, base64url without padding."""
        return b64url(self._active.sign(message))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JWK set of all public keys (RFC 7517, RFC 8037)."""
        return {"keys": [jwk(kid, key) for kid, key in self.public.items()]}


def canonical(document: Mapping[str, Any]) -> bytes:
    """RFC 8785. What holds only plain text and small numbers, as receipts do, needs nothing but the order of names."""
    found = dict(document)
    if all(map(_plain, found.values())) and all(map(str.isascii, found)):
        return orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(found)


def _plain(value: Any) -> bool:
    if type(value) is str:
        return value.isascii()
    return value is None or (type(value) is int and abs(value) < 2**53)


def digest(receipt: Receipt) -> str:
    """SHA-256 (hex) of a receipt's canonical form: what the next one names as `prev`."""
    return hashlib.sha256(canonical(receipt)).hexdigest()


def issue(
    keys: SigningKeys, *, subject: str, seq: int, sha256: str, prev: str | None, accepted_at: str
) -> dict[str, Any]:
    """A signed receipt. `accepted_at` is RFC 3339 in UTC."""
    unsigned = {
        "subject": subject,
        "seq": seq,
        "sha256": sha256,
        "prev": prev,
        "accepted_at": accepted_at,
        "kid": keys.kid,
    }
    return {**unsigned, "signature": keys.sign(canonical(unsigned))}


def signed_by(receipt: Receipt, key: Ed25519PublicKey) -> bool:
    """Whether the signature is that key's."""
    unsigned = {name: receipt[name] for name in FIELDS if name != "signature"}
    try:
        key.verify(unb64url(receipt["signature"]), canonical(unsigned))
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_chain(receipts: Sequence[Receipt], keys: Mapping[str, Ed25519PublicKey]) -> list[Flaw]:
    """Every flaw of one subject's chain from its first receipt on: missing, altered, reordered and foreign links, each
    named by place.
    """
    flaws: list[Flaw] = []
    whole = [(index, receipt) for index, receipt in enumerate(receipts) if not _malformed(index, receipt, flaws)]
    subject = whole[0][1]["subject"] if whole else None
    expected, previous = 1, None
    for index, receipt in whole:
        if receipt["subject"] != subject:
            flaws.append(
                Flaw(index, receipt["seq"], "foreign", f"belongs to {receipt['subject']}, the chain to {subject}")
            )
            continue
        flaws.extend(_own_flaws(index, receipt, keys))
        if receipt["seq"] < expected:
            flaws.append(
                Flaw(index, receipt["seq"], "reordered", f"number {receipt['seq']} comes after number {expected - 1}")
            )
            continue
        if receipt["seq"] > expected:
            flaws.append(
                Flaw(
                    index,
                    receipt["seq"],
                    "missing",
                    f"{_span(expected, receipt['seq'] - 1)} before number {receipt['seq']}",
                )
            )
        elif receipt["prev"] != (None if previous is None else digest(previous)):
            flaws.append(
                Flaw(
                    index,
                    receipt["seq"],
                    "broken_link",
                    "`prev` is not the hash of the receipt before it: one of the two was altered",
                )
            )
        expected, previous = receipt["seq"] + 1, receipt
    return flaws


def _own_flaws(index: int, receipt: Receipt, keys: Mapping[str, Ed25519PublicKey]) -> Iterable[Flaw]:
    key = keys.get(receipt["kid"])
    if key is None:
        yield Flaw(
            index, receipt["seq"], "unknown_key", f"signed by {receipt['kid']}, which is not among the keys given"
        )
    elif not signed_by(receipt, key):
        yield Flaw(
            index,
            receipt["seq"],
            "altered",
            "the signature does not fit: the receipt was altered, or signed by somebody else",
        )


def _malformed(index: int, receipt: Receipt, flaws: list[Flaw]) -> bool:
    lacking = [name for name in FIELDS if name not in receipt] if isinstance(receipt, Mapping) else list(FIELDS)
    typed = (
        not lacking
        and isinstance(receipt["seq"], int)
        and all(isinstance(receipt[name], str) for name in ("subject", "kid", "signature"))
    )
    if not typed:
        flaws.append(
            Flaw(
                index,
                None,
                "malformed",
                f"is no receipt: lacks {', '.join(lacking)}" if lacking else "has fields of the wrong type",
            )
        )
    return not typed


def _span(first: int, last: int) -> str:
    return f"number {first} is missing" if first == last else f"numbers {first} to {last} are missing"


def jwk(kid: str, key: Ed25519PublicKey) -> dict[str, str]:
    """A public key as JWK (RFC 8037)."""
    return {"kty": "OKP", "crv": "Ed25519", "x": _x(key), "kid": kid, "use": "sig", "alg": "EdDSA"}


def kid_of(key: Ed25519PublicKey) -> str:
    """The key's id: its JWK thumbprint (RFC 7638)."""
    required = {"crv": "Ed25519", "kty": "OKP", "x": _x(key)}
    return b64url(hashlib.sha256(canonical(required)).digest())


def public_keys(document: Mapping[str, Any] | str) -> dict[str, Ed25519PublicKey]:
    """Keys by id from a JWK set, one JWK, or the text of a public PEM. Raises ValueError for anything else."""
    if isinstance(document, str):
        key = load_pem_public_key(document.encode())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the PEM file holds no Ed25519 public key")  # noqa: TRY004 - what the file says is wrong
        return {kid_of(key): key}
    found = [_from_jwk(each) for each in document.get("keys", [document])]
    return {
        str(each.get("kid") or kid_of(key)): key
        for each, key in zip(document.get("keys", [document]), found, strict=True)
    }


def private_keys(pem: bytes) -> list[Ed25519PrivateKey]:
    """The Ed25519 private keys of a PEM file, in its order. Raises ValueError."""
    end = b"-----END PRIVATE KEY-----"
    blocks = [block.lstrip() + end for block in pem.split(end)[:-1]]
    found = [load_pem_private_key(block, None) for block in blocks]
    if not found or not all(isinstance(key, Ed25519PrivateKey) for key in found):
        raise ValueError("expected Ed25519 private keys in PEM (PKCS #8)")
    return [key for key in found if isinstance(key, Ed25519PrivateKey)]


def _from_jwk(document: Mapping[str, Any]) -> Ed25519PublicKey:
    if document.get("kty") != "OKP" or document.get("crv") != "Ed25519" or not isinstance(document.get("x"), str):
        raise ValueError("expected an Ed25519 JWK (kty OKP)")
    return Ed25519PublicKey.from_public_bytes(unb64url(document["x"]))


def _x(key: Ed25519PublicKey) -> str:
    return b64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def b64url(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64url(text: str) -> bytes:
    """The bytes of base64url without padding. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
