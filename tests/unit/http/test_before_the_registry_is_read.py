"""Who is let in while a service that has just started has not read the registry to its end."""

from datetime import UTC, datetime

import pytest
from fastapi import Request

from shared.bus import Consumer
from shared.errors import Unavailable
from shared.events.registry import RegistryPut
from shared.http.auth import ADMIN_KEY_ID, AccessTokens, Authenticator, BadToken, Principal, hash_key
from shared.http.permissions import Role
from shared.http.problems import Problem
from shared.registry import Registry, RegistryFeed

NOW = datetime(2023, 2, 20, 9, tzinfo=UTC)


class Unread(Consumer):
    """Has not been read from yet."""


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    key = {"sha256": hash_key("good"), "role": "viewer", "units": ["linzi"], "label": "duty"}
    registry.apply(RegistryPut(kind="keys", id="k1", revision=1, object=key, updated_at=NOW))
    return registry


def test_a_key_is_neither_refused_nor_taken_before_the_registry_is_complete(registry: Registry) -> None:
    auth = Authenticator(registry, hash_key("first"), b"s" * 32, lambda: NOW)
    principal = auth.by_key("good")
    assert principal is not None
    session = auth.session(principal)
    registry.complete = False
    for asked in (lambda: auth.by_key("good"), lambda: auth.by_key("other"), lambda: auth.by_session(session)):
        with pytest.raises(Unavailable, match="registry"):
            asked()
    registry.complete = True
    assert (auth.by_key("good"), auth.by_session(session), auth.by_key("other")) == (principal, principal, None)


class Issuer(AccessTokens):
    """An identity provider whose one token is that of the county on duty."""

    def looks_like_one(self, credential: str) -> bool:
        return credential.count(".") == 2

    def principal(self, token: str) -> Principal:
        if token != "a.good.token":
            raise BadToken("it is not ours")
        return Principal("oidc:zhang", Role.COUNTY, authority="linzi-county")


def test_an_access_token_is_not_taken_either_since_its_area_is_not_known_yet(registry: Registry) -> None:
    auth = Authenticator(registry, None, b"s" * 32, lambda: NOW, Issuer())
    registry.complete = False
    with pytest.raises(Unavailable, match="registry"):
        auth.access(bearing("a.good.token"))
    with pytest.raises(Problem, match="not ours"):
        auth.access(bearing("a.bad.token"))
    registry.complete = True
    found = auth.access(bearing("a.good.token"))
    assert found is not None
    assert found.principal.key_id == "oidc:zhang"


def bearing(credential: str) -> Request:
    return Request({"type": "http", "headers": [(b"authorization", f"Bearer {credential}".encode())]})


def test_the_first_admin_key_needs_no_registry(registry: Registry) -> None:
    registry.complete = False
    found = Authenticator(registry, hash_key("first"), b"s" * 32, lambda: NOW).by_key("first")
    assert found is not None
    assert found.key_id == ADMIN_KEY_ID


def test_whoever_reads_the_registry_says_that_it_is_not_complete(registry: Registry) -> None:
    RegistryFeed(Unread(), registry)
    assert not registry.complete
