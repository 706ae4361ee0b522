"""Who is let in while a service that has just started has not read the registry to its end."""

from datetime import UTC, datetime

import pytest

from shared.bus import Consumer
from shared.errors import Unavailable
from shared.events.registry import RegistryPut
from shared.http.auth import ADMIN_KEY_ID, Authenticator, hash_key
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


def test_the_first_admin_key_needs_no_registry(registry: Registry) -> None:
    registry.complete = False
    found = Authenticator(registry, hash_key("first"), b"s" * 32, lambda: NOW).by_key("first")
    assert found is not None
    assert found.key_id == ADMIN_KEY_ID


def test_whoever_reads_the_registry_says_that_it_is_not_complete(registry: Registry) -> None:
    RegistryFeed(Unread(), registry)
    assert not registry.complete
