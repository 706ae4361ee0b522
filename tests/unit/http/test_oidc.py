"""Access tokens against a local issuer: what counts, what does not, and keys that change."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from shared.errors import Unavailable
from shared.health import Health
from shared.http.app import create_app
from shared.http.auth import Authenticator, BadToken, Current
from shared.http.oidc import KeysOfIssuer, Tokens, fetched, tokens
from shared.http.permissions import Role
from shared.registry import Registry
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.unit.http.test_app import NOW

ISSUER, AUDIENCE, AT = "https://id.keycounty.example", "keycounty", 1_700_000_000
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"})
STRANGER = ECKey.generate_key("P-256", {"kid": "ec"})
COUNTY = {"role": "county", "scope": {"authority": "county-linzi"}, "label": "duty desk"}
ISSUED = {"iss": ISSUER, "aud": AUDIENCE, "sub": "zhang", "exp": AT + 300, "iat": AT, "keycounty": COUNTY}


class Issuer:
    """An identity provider: its JWKS, and how often it was asked."""

    def __init__(self, *keys: Any) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.away = False

    def jwks(self, _: str = "") -> bytes:
        self.asked += 1
        if self.away:
            raise OSError("away")
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(EC, RSA, ED)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def checked(issuer: Issuer, clock: Time) -> Tokens:
    keys = KeysOfIssuer("unused", issuer.jwks, clock)
    keys.read()
    return Tokens(ISSUER, AUDIENCE, keys, now=lambda: AT)


def issued(key: Any = EC, alg: str = "ES256", **changes: Any) -> str:
    claims = {name: value for name, value in (ISSUED | changes).items() if value is not None}
    return jwt.encode({"alg": alg, "kid": key.kid or "none"}, claims, key, algorithms=[alg])


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES256"), (RSA, "RS256"), (RSA, "PS256"), (ED, "Ed25519")])
def test_a_token_of_the_issuer_gives_role_and_scope(checked: Tokens, key: Any, alg: str) -> None:
    found = checked.principal(issued(key, alg))
    assert (found.role, found.authority, found.label) == (Role.COUNTY, "county-linzi", "duty desk")
    assert found.key_id == "oidc:zhang"


def test_an_enterprise_token_counts_as_its_enterprise_for_idempotency(checked: Tokens) -> None:
    claim = {"role": "enterprise", "scope": {"enterprises": ["91370305MA3KEY0T16"]}}
    assert checked.principal(issued(keycounty=claim)).id == "enterprise:91370305MA3KEY0T16"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": None},
        {"exp": AT - 120},
        {"exp": None},
        {"nbf": AT + 600},
        {"sub": None},
        {"keycounty": None},
        {"keycounty": {"role": "emperor"}},
        {"keycounty": {"role": "county", "scope": {"authority": ["a"]}}},
        {"keycounty": {"role": "county", "scope": {"unit": "linzi"}}},
        {"keycounty": "admin"},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_or_missing_claim_does_not_count(checked: Tokens, changes: dict[str, Any]) -> None:
    with pytest.raises(BadToken):
        checked.principal(issued(**changes))


def test_a_token_signed_by_somebody_else_under_the_same_key_id_does_not_count(checked: Tokens) -> None:
    with pytest.raises(BadToken):
        checked.principal(issued(STRANGER))


def test_an_altered_token_does_not_count(checked: Tokens) -> None:
    head, body, signature = issued().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["keycounty"]["role"] = "admin"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    with pytest.raises(BadToken):
        checked.principal(f"{head}.{forged}.{signature}")


def test_a_token_without_signature_or_signed_with_the_public_key_as_secret_does_not_count(checked: Tokens) -> None:
    body = issued().split(".")[1]
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    signed = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').decode().rstrip("=") + "." + body
    mac = hmac.new(RSA.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    confused = f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    for token in (f"{unsigned}.{body}.", confused):
        with pytest.raises(BadToken):
            checked.principal(token)


@pytest.mark.parametrize("token", ["..", "a.b.c", "\x00.\x00.\x00", "é.é.é", "e30.e30.e30", ".".join(["A" * 9000] * 3)])
def test_what_is_no_token_does_not_count(checked: Tokens, token: str) -> None:
    with pytest.raises(BadToken):
        checked.principal(token)


def test_a_new_key_of_the_issuer_counts_after_its_keys_were_read_again(issuer: Issuer, clock: Time) -> None:
    fresh = ECKey.generate_key("P-256", {"kid": "fresh"})
    keys = KeysOfIssuer("unused", issuer.jwks, clock)
    keys.read()
    found = Tokens(ISSUER, AUDIENCE, keys, now=lambda: AT)
    issuer.keys = [fresh]
    with pytest.raises(BadToken):
        found.principal(issued(fresh))
    clock.now += 60
    with pytest.raises(Unavailable):
        found.principal(issued(fresh))
    until(lambda: issuer.asked >= 2)
    until(lambda: accepted(found, issued(fresh)))
    with pytest.raises(BadToken):
        found.principal(issued(EC))


def test_an_issuer_that_is_away_leaves_its_known_keys_in_force(issuer: Issuer, clock: Time) -> None:
    keys = KeysOfIssuer("unused", issuer.jwks, clock)
    keys.read()
    issuer.away = True
    keys.read()
    assert Tokens(ISSUER, AUDIENCE, keys, now=lambda: AT).principal(issued()).key_id == "oidc:zhang"


def test_without_any_key_of_the_issuer_the_answer_is_to_come_back(issuer: Issuer, clock: Time) -> None:
    issuer.away = True
    found = Tokens(ISSUER, AUDIENCE, KeysOfIssuer("unused", issuer.jwks, clock), now=lambda: AT)
    with pytest.raises(Unavailable):
        found.principal(issued())


@pytest.fixture
def served(issuer: Issuer) -> Iterator[str]:
    class Jwks(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(issuer.jwks())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Jwks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()
    server.server_close()


async def test_a_request_with_a_token_is_answered_like_one_with_a_key(served: str, issuer: Issuer) -> None:
    keys = KeysOfIssuer(served, fetched)
    keys.read()
    auth = Authenticator(Registry(), None, b"s" * 32, lambda: NOW, Tokens(ISSUER, AUDIENCE, keys, now=lambda: AT))
    router = APIRouter()

    @router.get("/v1/me")
    async def me(access: Current) -> dict[str, str]:
        return {"role": access.principal.role}

    app = create_app(service="t", title="t", health=Health(), metrics=Metrics(), auth=auth, routers=[router])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        good = await client.get("/v1/me", headers={"authorization": f"Bearer {issued()}"})
        late = {"authorization": f"Bearer {issued(exp=AT - 999)}", "accept-language": "en"}
        expired = await client.get("/v1/me", headers=late)
        unknown = await client.get("/v1/me", headers={"authorization": "Bearer kc_00"})
    assert (good.status_code, good.json()) == (200, {"role": "county"})
    assert expired.status_code == unknown.status_code == 401
    assert "access token" in expired.json()["detail"]
    assert "expired" in expired.json()["detail"]


def settings_with(**given: str) -> Settings:
    return Settings(kafka_bootstrap="b:1", mongo_uri="mongodb://s/", **given)  # type: ignore[arg-type]


def test_without_an_issuer_there_are_no_tokens_and_half_an_issuer_is_refused_by_name() -> None:
    assert tokens(settings_with()) is None
    whole = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_url": f"{ISSUER}/jwks"}
    assert tokens(settings_with(**whole)) is not None
    for left_out in whole:
        some = {name: value for name, value in whole.items() if name != left_out}
        with pytest.raises(ValueError, match=f"KEYCOUNTY_{left_out.upper()}"):
            settings_with(**some)


def accepted(found: Tokens, token: str) -> bool:
    try:
        found.principal(token)
    except (BadToken, Unavailable):
        return False
    return True


def until(probe: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline
        time.sleep(0.01)
