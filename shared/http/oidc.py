"""OIDC access tokens as credentials beside API keys: JWTs of one issuer, checked against its JWKS. Used by auth.

The token's claim `keycounty` says who its holder is here, in the shape of `POST /v1/keys`:
`{"role": "county", "scope": {"units": [...], "enterprises": [...], "authority": "...", "team": "..."}, "label": ""}`.
A token counts until it expires; unlike a key it cannot be revoked here, so the issuer should keep its life short.
"""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import Unavailable
from shared.http.auth import BadToken, Principal
from shared.http.permissions import Role
from shared.settings import Settings
from shared.telemetry import log

# Signatures only that a public key verifies: a shared secret or `none` would let any reader of the JWKS sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
CLAIM = "keycounty"
LEEWAY_S = 60
REFRESH_S = 300.0
LOOK_AGAIN_S = 10.0
TIMEOUT_S = 5.0
SIZE_LIMIT = 1024 * 1024


class _Scope(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    units: frozenset[str] = frozenset()
    enterprises: frozenset[str] = frozenset()
    authority: str | None = None
    team: str | None = None


class _Claim(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Role
    scope: _Scope = _Scope()
    label: str = ""


def fetched(url: str) -> bytes:
    """The JWKS. Raises OSError."""
    request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310  the settings allow http and https only
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        content: bytes = answer.read(SIZE_LIMIT)
        return content


class KeysOfIssuer:
    """The issuer's public keys, fetched in a thread of their own: no request waits for another host."""

    def __init__(
        self, url: str, fetch: Callable[[str], bytes] = fetched, monotonic: Callable[[], float] = time.monotonic
    ):
        self._url = url
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._asked = float("-inf")
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def current(self) -> KeySet:
        """The keys as last fetched. Raises `Unavailable` before the first time, and asks for them."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="oidc-keys", daemon=True)
            self._thread.start()
        if self._keys is None:
            raise Unavailable("identity provider", "its keys have not been read yet", 1.0)
        return self._keys

    def missed(self) -> None:
        """A token names a key that is not there. Raises `Unavailable` when the keys were not read lately, and asks for
        them; otherwise the key does not exist.
        """
        if self._monotonic() - self._asked > LOOK_AGAIN_S:
            self._wake.set()
            raise Unavailable("identity provider", "its keys are read again", 1.0)

    def read(self) -> None:
        """Fetches the keys once; those known stay when it fails."""
        self._asked = self._monotonic()
        try:
            self._keys = KeySet.import_key_set(json.loads(self._fetch(self._url)))
        except (OSError, ValueError, KeyError, TypeError, JoseError) as wrong:
            log("oidc").warning("the identity provider's keys cannot be read", error=f"{type(wrong).__name__}: {wrong}")

    def _run(self) -> None:
        if self._keys is None:
            self.read()
        while True:
            self._wake.wait(LOOK_AGAIN_S if self._keys is None else REFRESH_S)
            self._wake.clear()
            self.read()


class Tokens:
    """Turns an access token into a principal. `now` is the issuer's time in epoch seconds, never a simulated one."""

    def __init__(self, issuer: str, audience: str, keys: KeysOfIssuer, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    @staticmethod
    def looks_like_one(credential: str) -> bool:
        """Whether a bearer credential is a JWT and not an API key."""
        return credential.count(".") == 2

    def principal(self, token: str) -> Principal:
        """Who holds the token. Raises BadToken, and `Unavailable` while the issuer's keys cannot be read."""
        claims = self._verified(token)
        try:
            found = _Claim.model_validate(claims.get(CLAIM))
        except ValidationError as wrong:
            places = sorted({".".join([CLAIM, *map(str, error["loc"])]) for error in wrong.errors()})
            raise BadToken(f"these claims are missing or wrong: {', '.join(places)}") from None
        scope = found.scope
        return Principal(
            f"oidc:{claims['sub']}",
            found.role,
            scope.units,
            scope.enterprises,
            scope.authority,
            scope.team,
            found.label,
        )

    def _verified(self, token: str) -> Mapping[str, Any]:
        keys = self._keys.current()
        try:
            found = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            self._claims.validate(found.claims)
        except InvalidKeyIdError:
            self._keys.missed()
            raise BadToken("it is signed with a key that its issuer does not have") from None
        except (JoseError, ValueError, TypeError, KeyError) as wrong:
            raise BadToken(f"it cannot be accepted ({getattr(wrong, 'error', type(wrong).__name__)})") from None
        return found.claims


def tokens(settings: Settings) -> Tokens | None:
    """What the settings ask for: None without an issuer."""
    if settings.oidc_issuer is None or settings.oidc_audience is None or settings.oidc_jwks_url is None:
        return None
    return Tokens(settings.oidc_issuer, settings.oidc_audience, KeysOfIssuer(settings.oidc_jwks_url))
