"""Receipts verified offline: every kind of damage to a chain is found and named; keys rotate without breaking it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.cli.receipts import app
from services.intake.settings import signing_keys
from shared import receipts

OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
KEYS = receipts.SigningKeys([OLD])


def chain(
    length: int, keys: receipts.SigningKeys = KEYS, subject: str = "E1", after: list[Any] | None = None
) -> list[Any]:
    made = list(after or [])
    for seq in range(len(made) + 1, len(made) + length + 1):
        told = hashlib.sha256(str(seq).encode()).hexdigest()
        prev = receipts.digest(made[-1]) if made else None
        at = "2023-02-20T00:00:00.000Z"
        made.append(receipts.issue(keys, subject=subject, seq=seq, sha256=told, prev=prev, accepted_at=at))
    return made


def flaws(found: list[Any]) -> list[tuple[int, str]]:
    return [(flaw.index, flaw.problem) for flaw in receipts.verify_chain(found, KEYS.public)]


def test_an_unbroken_chain_has_no_flaw() -> None:
    assert flaws(chain(5)) == []


def test_a_missing_link_is_named_by_its_number() -> None:
    whole = chain(5)
    assert flaws(whole[:2] + whole[3:]) == [(2, "missing")]
    assert flaws(whole[1:]) == [(0, "missing")]


def test_an_altered_link_is_named() -> None:
    whole = chain(5)
    whole[2] = whole[2] | {"sha256": "0" * 64}
    assert flaws(whole) == [(2, "altered"), (3, "broken_link")]


def test_reordered_links_are_named() -> None:
    whole = chain(4)
    whole[1], whole[2] = whole[2], whole[1]
    assert (2, "reordered") in flaws(whole)


def test_a_foreign_link_is_named() -> None:
    whole = chain(3)
    foreign = chain(1, subject="E2")
    assert flaws([*whole, *foreign]) == [(3, "foreign")]
    assert flaws([whole[0] | {"kid": "nobody"}])[0] == (0, "unknown_key")
    assert flaws([{"seq": 1}]) == [(0, "malformed")]


@given(st.integers(1, 8), st.data())
def test_any_change_to_any_field_is_found(length: int, data: st.DataObject) -> None:
    whole = chain(length)
    place = data.draw(st.integers(0, length - 1))
    field = data.draw(st.sampled_from(["subject", "seq", "sha256", "prev", "accepted_at"]))
    other = 99 if field == "seq" else "something else"
    whole[place] = whole[place] | {field: other}
    assert flaws(whole) != []


def test_rotation_keeps_old_receipts_verifiable(tmp_path: Path) -> None:
    for name, key in (("2023.pem", OLD), ("2024.pem", NEW)):
        (tmp_path / name).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    rotated = signing_keys(tmp_path)
    assert rotated.kid == receipts.kid_of(NEW.public_key())
    whole = chain(2, rotated, after=chain(2))
    published = receipts.public_keys(rotated.jwks())
    assert receipts.verify_chain(whole, published) == []
    assert {receipt["kid"] for receipt in whole} == set(published)


@pytest.mark.parametrize("damage", [False, True])
def test_the_command_verifies_a_chain_offline(tmp_path: Path, damage: bool) -> None:
    whole = chain(3)
    if damage:
        whole[1] = whole[1] | {"sha256": "f" * 64}
    (tmp_path / "chain.json").write_text(json.dumps({"items": whole, "next_cursor": None}))
    (tmp_path / "keys.json").write_text(json.dumps(KEYS.jwks()))
    arguments = ["verify", str(tmp_path / "chain.json"), "--key", str(tmp_path / "keys.json"), "--json"]
    answer = CliRunner().invoke(app, arguments)
    told = json.loads(answer.stdout)
    assert (answer.exit_code, told["genuine"]) == ((1, False) if damage else (0, True))
    assert [flaw["seq"] for flaw in told["flaws"]] == ([2, 3] if damage else [])


@given(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.none(), st.text(max_size=20), st.integers(-(2**53) + 1, 2**53 - 1))
    )
)
def test_the_canonical_form_is_that_of_rfc_8785(document: dict[str, Any]) -> None:
    assert receipts.canonical(document) == rfc8785.dumps(document)
