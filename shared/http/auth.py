"""Who is calling, and what is theirs: API keys, sessions, scopes. The only place where scope is decided."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from shared.errors import Unavailable
from shared.http.limiting import RateLimit
from shared.http.permissions import PERMISSIONS, Action, Reach, Role
from shared.http.problems import Problem, forbidden, not_found
from shared.registry import Registry

SESSION_COOKIE = "kc_session"
SESSION_SECONDS = 12 * 3600
ADMIN_KEY_ID = "first-admin"


def hash_key(key: str) -> str:
    """SHA-256 (hex) of an API key: the only form in which one is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A fresh API key: 256 random bits behind a prefix that secret scanners can find."""
    return "kc_" + random_bytes(32).hex()


@dataclass(frozen=True, slots=True)
class Principal:
    """The key behind a request: its role and scope."""

    key_id: str
    role: Role
    units: frozenset[str] = frozenset()
    enterprises: frozenset[str] = frozenset()
    authority: str | None = None
    team: str | None = None
    label: str = ""

    @property
    def id(self) -> str:
        """Whom idempotency counts for: the enterprise, authority or team behind the key, or those of its scope, so that
        a new key for the same ones repeats nothing; else the key.
        """
        if self.role is Role.ENTERPRISE and len(self.enterprises) == 1:
            return f"enterprise:{min(self.enterprises)}"
        if self.authority:
            return f"authority:{self.authority}"
        if self.team:
            return f"team:{self.team}"
        scope = "|".join((*sorted(self.enterprises), *sorted(self.units)))
        return f"scope:{hashlib.sha256(scope.encode()).hexdigest()[:32]}" if scope else f"key:{self.key_id}"


def principal_of(key_id: str, found: Any) -> Principal:
    """The principal of a stored key object `{role, units, enterprises, authority, team, label}`."""
    return Principal(
        key_id,
        Role(found["role"]),
        frozenset(found.get("units") or ()),
        frozenset(found.get("enterprises") or ()),
        found.get("authority"),
        found.get("team"),
        found.get("label") or "",
    )


class Access:
    """What one principal may do, against the registry as it stands."""

    def __init__(self, principal: Principal, registry: Registry) -> None:
        self.principal = principal
        self.registry = registry

    def units(self, action: Action) -> frozenset[str] | None:
        """The units the action reaches; None = no limit by unit (everything, or an enterprise: then `enterprises()`
        limits). 403 when never.
        """
        reach = self._reach(action)
        if reach in (Reach.ALL, Reach.OWN):
            return None
        if reach is Reach.TEAM:
            team = self.registry.units_of_team(self.principal.team) if self.principal.team else frozenset()
            return team | self.principal.units
        area = self.registry.units_of_authority(self.principal.authority) if self.principal.authority else frozenset()
        return area | self.principal.units

    def enterprises(self) -> frozenset[str] | None:
        """The enterprises a key is limited to; None = no such limit. Both limits hold together."""
        if self.principal.role is Role.ENTERPRISE:
            return self.principal.enterprises
        only_named = self.principal.enterprises and not (
            self.principal.units or self.principal.authority or self.principal.team
        )
        return self.principal.enterprises if only_named else None

    def allows(self, action: Action, unit_id: str | None = None, enterprise_id: str | None = None) -> bool:
        """May it, for this unit or enterprise? An enterprise's own reach never covers its unit as a whole."""
        if self.principal.role not in PERMISSIONS[action]:
            return False
        limit = self.enterprises()
        if limit is not None:
            return enterprise_id in limit
        units = self.units(action)
        if units is None:
            return True
        unit = unit_id if unit_id is not None else (self.registry.enterprise(enterprise_id or "") or {}).get("unit_id")
        return unit in units

    def require(self, action: Action, unit_id: str | None = None, enterprise_id: str | None = None) -> None:
        """Raises 403 when the role never may, 404 when this is out of scope."""
        self._reach(action)
        if not self.allows(action, unit_id, enterprise_id):
            raise not_found()

    def require_role(self, action: Action) -> None:
        """Raises 403 unless the role may do this at all."""
        self._reach(action)

    def _reach(self, action: Action) -> Reach:
        reach = PERMISSIONS[action].get(self.principal.role)
        if reach is None:
            raise forbidden(f"A key with the role {self.principal.role} may not do this ({action}).")
        return reach


class BadToken(Exception):
    """An access token does not count; the text says why and holds nothing of it."""


class AccessTokens(Protocol):
    """Access tokens of an identity provider (shared/http/oidc.py)."""

    def looks_like_one(self, credential: str) -> bool: ...

    def principal(self, token: str) -> Principal:
        """Raises `BadToken`, and `Unavailable` while the issuer's keys cannot be read."""
        ...


class Authenticator:
    """Turns a request into an `Access`, by bearer key, by an access token of the issuer that is configured, or by the
    signed session cookie that the sign-in page sets.
    """

    def __init__(
        self,
        registry: Registry,
        admin_key_sha256: str | None,
        session_secret: bytes,
        now: Callable[[], datetime],
        tokens: AccessTokens | None = None,
        limit: RateLimit | None = None,
    ) -> None:
        self.registry = registry
        self._admin = admin_key_sha256
        self._secret = session_secret
        self._now = now
        self._tokens = tokens
        self._limit = limit

    def by_key(self, key: str) -> Principal | None:
        """The principal of an API key, None for one unknown or revoked. Raises `Unavailable` as `_read` does."""
        digest = hash_key(key)
        if self._admin and hmac.compare_digest(digest, self._admin):
            return Principal(ADMIN_KEY_ID, Role.ADMIN, label="first key")
        found = self._read().key(digest)
        return None if found is None or found[1].get("revoked") else principal_of(*found)

    def by_id(self, key_id: str) -> Principal | None:
        """The principal of a session's key id, None once the key is revoked. Raises `Unavailable` as `_read` does."""
        if key_id == ADMIN_KEY_ID:
            return Principal(ADMIN_KEY_ID, Role.ADMIN, label="first key") if self._admin else None
        found = self._read().get("keys", key_id)
        return None if found is None or found.get("revoked") else principal_of(key_id, found)

    def _read(self) -> Registry:
        """Raises `Unavailable` before the registry has been read once: nobody is told that a good key is none or that
        their own units are out of scope, and no revoked key slips through.
        """
        if not self.registry.complete:
            raise Unavailable("registry", "it has not been read yet", 1.0)
        return self.registry

    def session(self, principal: Principal) -> str:
        """The value of the session cookie: key id, expiry (epoch seconds) and their HMAC-SHA-256."""
        body = f"{principal.key_id}.{int(self._now().timestamp()) + SESSION_SECONDS}"
        return f"{body}.{self._sign(body)}"

    def by_session(self, cookie: str) -> Principal | None:
        """The principal of a session cookie, None for one that is forged, expired, or whose key is revoked."""
        body, _, signature = cookie.rpartition(".")
        key_id, _, expires = body.rpartition(".")
        if not key_id or not hmac.compare_digest(signature, self._sign(body)) or int(expires) < self._now().timestamp():
            return None
        return self.by_id(key_id)

    def access(self, request: Request) -> Access | None:
        """The access behind a request; None when nobody is signed in. Raises 401 for a key that does not count."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme:
            return Access(self._by_bearer(key.strip() if scheme.lower() == "bearer" else ""), self.registry)
        principal = self.by_session(request.cookies.get(SESSION_COOKIE, ""))
        if principal is None:
            return None
        _refuse_foreign_origin(request)
        return Access(principal, self.registry)

    def admit(self, request: Request) -> Access | None:
        """The same at the door of a route: it counts, and raises 429 for a key that has made too many requests."""
        access = self.access(request)
        if access is not None and self._limit is not None:
            wait_s = self._limit.retry_after_s(access.principal.key_id)
            if wait_s is not None:
                raise too_many_requests(wait_s)
        return access

    def _by_bearer(self, credential: str) -> Principal:
        if self._tokens is not None and self._tokens.looks_like_one(credential):
            try:
                found = self._tokens.principal(credential)
            except BadToken as wrong:
                raise not_signed_in(
                    f"This access token does not count: {wrong}.", f"此访问令牌无效：{wrong}。"
                ) from wrong
            self._read()  # a token names its area; the units in it are the registry's
            return found
        principal = self.by_key(credential)
        if principal is None:
            raise not_signed_in("This API key is unknown or revoked.", "此密钥不存在或已被吊销。")
        return principal

    def _sign(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()


def not_signed_in(detail: str, zh: str = "请登录，或随请求发送有效的密钥。") -> Problem:
    """401 with the challenge."""
    return Problem(401, "not_signed_in", detail, headers={"WWW-Authenticate": 'Bearer realm="keycounty"'}, zh=zh)


def too_many_requests(wait_s: int) -> Problem:
    """429 with the seconds to wait."""
    detail = f"This key has made too many requests; go on in {wait_s} s."
    zh = f"此密钥的请求过于频繁，请在 {wait_s} 秒后继续。"
    return Problem(429, "too_many_requests", detail, headers={"Retry-After": str(wait_s)}, zh=zh)


def _refuse_foreign_origin(request: Request) -> None:
    # A cookie is sent by the browser whoever asks; a change must come from a page of this very host.
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    origin = request.headers.get("origin", "")
    if origin.partition("://")[2] != request.headers.get("host"):
        raise forbidden("A change by session must come from a page of this site.", "登录会话只能从本站页面提交更改。")


async def current_access(request: Request) -> Access:
    """FastAPI dependency: the access behind the request, else 401."""
    # FastAPI runs a plain function in a thread: for this look-up in memory that costs more than the look-up.
    authenticator: Authenticator = request.app.state.auth
    access = authenticator.admit(request)
    if access is None:
        raise not_signed_in("Send `Authorization: Bearer <api key>`, or sign in.")
    request.state.principal = access.principal
    return access


Current = Annotated[Access, Depends(current_access)]
