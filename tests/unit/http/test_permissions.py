"""Scope and permission, decided in one place: the table of semantics, walked row by row."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events.registry import RegistryPut
from shared.http.auth import Access, Authenticator, Principal, hash_key, new_key
from shared.http.permissions import PERMISSIONS, Action, Role
from shared.http.problems import Problem
from shared.registry import Registry

NOW = datetime(2023, 2, 20, 9, tzinfo=UTC)
ALL_ROLES = set(Role)


def registry() -> Registry:
    found = Registry()
    rows: list[tuple[Any, str, dict[str, Any]]] = [
        ("authorities", "province", {"tier": "province", "parent": None, "units": None}),
        ("authorities", "county", {"tier": "county", "parent": "province", "units": None}),
        ("units", "linzi", {"authority": "county"}),
        ("units", "fangshan", {"authority": "elsewhere"}),
        ("enterprises", "E1", {"unit_id": "linzi"}),
        ("enterprises", "E2", {"unit_id": "fangshan"}),
        ("teams", "T1", {"units": []}),
        ("enrolments", "2023-1:linzi", {"unit_id": "linzi", "team_id": "T1"}),
    ]
    for kind, id_, object_ in rows:
        found.apply(RegistryPut(kind=kind, id=id_, revision=1, object=object_, updated_at=NOW))
    return found


PRINCIPALS = {
    Role.ADMIN: Principal("k", Role.ADMIN),
    Role.NATIONAL: Principal("k", Role.NATIONAL),
    Role.PROVINCE: Principal("k", Role.PROVINCE, authority="province"),
    Role.PREFECTURE: Principal("k", Role.PREFECTURE, authority="province"),
    Role.COUNTY: Principal("k", Role.COUNTY, authority="county"),
    Role.EXPERT: Principal("k", Role.EXPERT, team="T1"),
    Role.ENTERPRISE: Principal("k", Role.ENTERPRISE, enterprises=frozenset({"E1"})),
    Role.VIEWER: Principal("k", Role.VIEWER, units=frozenset({"linzi"})),
}
# The table "Who may do what" of the product's semantics, written out a second time: role names per action.
TABLE = {
    Action.SELF_INSPECT: {"enterprise"},
    Action.DECLARE: {"enterprise"},
    Action.RECTIFY: {"enterprise"},
    Action.REPORT_ACCIDENT: {"enterprise", "county"},
    Action.RE_EXAMINE: {"county"},
    Action.DECIDE_RECTIFICATION: {"county", "expert"},
    Action.ASSESS_PARK: {"county"},
    Action.PROGRESS_KEY_TASK: {"county"},
    Action.VERIFY: {"expert"},
    Action.RECORD_GUIDANCE: {"expert"},
    Action.ANSWER_ALERT: {"county", "prefecture", "province", "national"},
    Action.READ_SUBMISSIONS: {"enterprise", "county", "prefecture", "province", "expert", "national"},
    Action.READ_RISK: {"enterprise", "county", "prefecture", "province", "expert", "national", "viewer"},
    Action.READ_REGISTRY: {role.value for role in Role},
    Action.READ_COMPLETENESS: {"national", "admin"},
    Action.FREEZE_EVALUATION: {"expert", "national"},
    Action.REGISTER_LOCAL: {"county", "national", "admin"},
    Action.REGISTER: {"national", "admin"},
    Action.ERASE: {"national", "admin"},
    Action.ISSUE_KEYS: {"county", "national", "admin"},
    Action.OPERATE: {"admin"},
}


def test_the_table_names_every_action() -> None:
    assert set(TABLE) == set(Action) == set(PERMISSIONS)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_each_role_does_what_the_table_says_and_nothing_else(action: Action, role: Role) -> None:
    access = Access(PRINCIPALS[role], registry())
    if role.value in TABLE[action]:
        assert access.allows(action, "linzi", "E1")
    else:
        with pytest.raises(Problem) as refused:
            access.require(action, "linzi", "E1")
        assert refused.value.status == 403


@pytest.mark.parametrize("role", sorted(ALL_ROLES - {Role.ADMIN, Role.NATIONAL}))
def test_what_is_out_of_scope_is_404(role: Role) -> None:
    action = next(action for action in Action if role.value in TABLE[action])
    with pytest.raises(Problem) as refused:
        Access(PRINCIPALS[role], registry()).require(action, "fangshan", "E2")
    assert refused.value.status == 404


def test_a_unit_as_a_whole_is_not_an_enterprises_to_read() -> None:
    assert not Access(PRINCIPALS[Role.ENTERPRISE], registry()).allows(Action.READ_RISK, "linzi")


def test_the_unit_of_an_enterprise_is_looked_up_for_its_county() -> None:
    access = Access(PRINCIPALS[Role.COUNTY], registry())
    assert access.allows(Action.READ_RISK, enterprise_id="E1")
    assert not access.allows(Action.READ_RISK, enterprise_id="E2")


def authenticator(now: datetime = NOW, **key: Any) -> tuple[Authenticator, str]:
    found = registry()
    secret = new_key()
    object_ = {"sha256": hash_key(secret), "role": "county", "authority": "county", "revoked": False} | key
    found.apply(RegistryPut(kind="keys", id="k1", revision=1, object=object_, updated_at=NOW))
    return Authenticator(found, hash_key("first"), b"s" * 32, lambda: now), secret


def test_a_key_gives_its_principal_and_a_revoked_one_none() -> None:
    good, secret = authenticator()
    principal = good.by_key(secret)
    assert principal is not None
    assert (principal.key_id, principal.role, principal.id) == ("k1", Role.COUNTY, "authority:county")
    revoked, secret = authenticator(revoked=True)
    assert revoked.by_key(secret) is None


@pytest.mark.parametrize(
    ("scope", "id"),
    [
        ({"role": Role.ENTERPRISE, "enterprises": frozenset({"E1"})}, "enterprise:E1"),
        ({"role": Role.COUNTY, "authority": "county"}, "authority:county"),
        ({"role": Role.EXPERT, "team": "T1"}, "team:T1"),
        ({"role": Role.NATIONAL}, "key:k1"),
    ],
)
def test_idempotency_counts_for_whoever_is_behind_the_key(scope: dict[str, Any], id: str) -> None:
    assert Principal("k1", **scope).id == id


def test_a_new_key_for_the_same_enterprises_is_the_same_principal() -> None:
    both = frozenset({"E1", "E2"})
    one, other = (Principal(name, Role.ENTERPRISE, enterprises=both) for name in ("k1", "k2"))
    assert one.id == other.id
    assert one.id != Principal("k3", Role.ENTERPRISE, enterprises=frozenset({"E1", "E3"})).id


def test_the_first_key_is_the_admins() -> None:
    first = authenticator()[0].by_key("first")
    assert first is not None
    assert first.role is Role.ADMIN


def test_a_session_holds_until_it_expires_or_its_key_is_revoked() -> None:
    auth, secret = authenticator()
    principal = auth.by_key(secret)
    assert principal is not None
    cookie = auth.session(principal)
    assert auth.by_session(cookie) == principal
    later = Authenticator(auth.registry, None, b"s" * 32, lambda: datetime(2023, 2, 21, 9, tzinfo=UTC))
    assert later.by_session(cookie) is None
    put = RegistryPut(
        kind="keys", id="k1", revision=2, object={"sha256": "x", "role": "county", "revoked": True}, updated_at=NOW
    )
    auth.registry.apply(put)
    assert auth.by_session(cookie) is None


@pytest.mark.parametrize("cookie", ["", "k1", "k1.9999999999.00", "..", "k1.abc.def"])
def test_a_forged_session_is_nobody(cookie: str) -> None:
    assert authenticator()[0].by_session(cookie) is None
