"""The registry's in-memory copy: revisions, chains, areas."""

import random
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.events.registry import RegistryDeleted, RegistryPut
from shared.registry import Registry

NOW = datetime(2023, 2, 20, tzinfo=UTC)


def put(kind: Any, id_: str, revision: int = 1, **object_: Any) -> RegistryPut:
    return RegistryPut(kind=kind, id=id_, revision=revision, object=object_, updated_at=NOW)


def with_chain() -> Registry:
    registry = Registry()
    for id_, tier, parent in (
        ("national", "national", None),
        ("shandong", "province", "national"),
        ("zibo", "prefecture", "shandong"),
        ("linzi-bureau", "county", "zibo"),
    ):
        registry.apply(put("authorities", id_, tier=tier, parent=parent, units=None))
    registry.apply(put("units", "linzi", authority="linzi-bureau"))
    registry.apply(put("enterprises", "E1", unit_id="linzi"))
    return registry


def test_the_chain_runs_from_the_county_upwards() -> None:
    assert [tier for tier, _, _ in with_chain().chain("linzi")] == ["county", "prefecture", "province", "national"]


def test_a_loop_among_authorities_ends_the_chain() -> None:
    registry = with_chain()
    registry.apply(put("authorities", "national", 2, tier="national", parent="linzi-bureau", units=None))
    assert len(registry.chain("linzi")) == 4


def test_an_area_holds_the_units_of_every_authority_below() -> None:
    registry = with_chain()
    assert registry.units_of_authority("shandong") == {"linzi"}
    assert registry.units_of_authority("elsewhere") == frozenset()


def test_an_enterprise_that_moves_leaves_its_old_unit() -> None:
    registry = with_chain()
    registry.apply(put("enterprises", "E1", 2, unit_id="fangshan"))
    assert registry.enterprises_of_unit("linzi") == frozenset()
    assert registry.enterprises_of_unit("fangshan") == {"E1"}


def test_an_older_revision_changes_nothing() -> None:
    registry = with_chain()
    registry.apply(put("units", "linzi", 5, authority="new"))
    assert not registry.apply(put("units", "linzi", 4, authority="old"))
    assert registry.unit("linzi") == {"authority": "new"}


def test_a_deleted_key_is_unknown_by_its_hash() -> None:
    registry = Registry()
    registry.apply(put("keys", "k1", sha256="aa", role="viewer"))
    assert registry.key("aa") is not None
    registry.apply(RegistryDeleted(kind="keys", id="k1", revision=2, updated_at=NOW))
    assert registry.key("aa") is None


@given(st.permutations(range(1, 7)), st.randoms())
def test_any_order_of_revisions_ends_with_the_newest(order: list[int], dice: random.Random) -> None:
    registry = Registry()
    for revision in order:
        registry.apply(put("units", "u", revision, authority=f"a{revision}"))
        if dice.random() < 0.3:
            registry.apply(put("units", "u", revision, authority=f"a{revision}"))
    assert registry.unit("u") == {"authority": "a6"}
    assert registry.units_of_authority("a6") == {"u"}
    assert all(not registry.units_of_authority(f"a{old}") for old in range(1, 6))
