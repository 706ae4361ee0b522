"""The demo's world and its plain recomputation, on figures worked by hand."""

import tomllib
from pathlib import Path

import pytest
import typer
from stdnum.cn import uscc

from deploy.cli.demo import expected
from deploy.cli.demo.command import MARKER, demo_policy, prepare
from deploy.cli.demo.registering import make_world
from deploy.cli.demo.world import Post, World

TARGETS = {"webhook": "http://127.0.0.1:1/hook", "secret": "whsec_x"}


def test_the_same_seed_makes_the_same_world_and_another_a_different_one() -> None:
    assert make_world(6, 5, 1, TARGETS) == make_world(6, 5, 1, TARGETS)
    assert make_world(6, 5, 1, TARGETS) != make_world(6, 5, 2, TARGETS)


def test_every_credit_code_is_valid_and_every_name_says_that_it_is_invented() -> None:
    world = make_world(8, 5, 1, TARGETS)
    enterprises = [(id_, body) for kind, id_, body in world.registry if kind == "enterprises"]
    assert len(enterprises) == 40
    assert all(uscc.is_valid(id_) for id_, _ in enterprises)
    assert all("虚构" in body["name"]["zh"] and "synthetic" in body["name"]["en"] for _, body in enterprises)


def test_units_beyond_the_six_are_called_sample_units() -> None:
    names = [unit["name"]["en"] for unit in make_world(8, 4, 1, TARGETS).units]
    assert names[6:] == ["Sample unit 07", "Sample unit 08"]


def test_no_two_submissions_share_an_idempotency_key() -> None:
    posts = make_world(6, 8, 1, TARGETS).posts()
    assert len({post.idempotency_key for post in posts}) == len(posts)


@pytest.mark.parametrize(
    ("chlorine", "ammonia", "people", "level"),
    [(5.0, 5.0, 60, 4), (250.0, 0.0001, 120, 1), (1.0, 1.0, 60, None), (20.0, 5.0, 60, 3)],
)
def test_levels_follow_gb_18218(chlorine: float, ammonia: float, people: int, level: int | None) -> None:
    substances = [{"seq": 12, "quantity_t": chlorine}, {"seq": 1, "quantity_t": ammonia}]
    assert expected.level_of({"substances": substances, "exposed_population": people}) == level


def test_a_unit_worked_by_hand_gives_its_index() -> None:
    world = World(units=[{"id": "u", "county": "c"}], enterprises={"u": ["E1", "E2"]})
    grading = {"deductions": {"1.1": 25, "4.1": 5}, "bonuses": {}, "direct_red": []}
    inspection = {"unit_id": "u", "enterprise_id": "E1", "stage": "self_inspection", "grading": grading, "drill": False}
    posts = [Post("/v1/inspections", "E1", inspection, "k", "l")]
    found = expected.expect(world, posts, world.units[0], {})
    # grades 85 of 100; no findings; coverage 0.5 * 1/2; no key task reported; nothing declared
    assert found.components == {
        "enterprise_grades": pytest.approx(0.85),
        "major_findings": 1.0,
        "rectification": 1.0,
        "coverage": pytest.approx(0.25),
        "old_installations": None,
        "chemical_parks": None,
        "key_tasks": 0.0,
    }
    assert found.index == pytest.approx(100 * (30 * 0.85 + 25 + 15 + 10 * 0.25) / 86)
    assert found.colour == "yellow"


def test_the_demo_policy_is_the_packaged_one_with_short_times_to_answer() -> None:
    policy = tomllib.loads(demo_policy())
    assert policy["ack_within_minutes"]["severe"] == pytest.approx(0.2)
    assert policy["ack_within_minutes"]["moderate"] == 1440
    assert policy["default_promise_hours"]["severe"] == 48
    assert policy["version"] > 1000


def test_a_directory_that_no_demo_made_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(typer.BadParameter):
        prepare(tmp_path)
    assert (tmp_path / "precious").exists()


def test_an_earlier_demos_directory_is_emptied(tmp_path: Path) -> None:
    prepare(tmp_path / "demo")
    (tmp_path / "demo" / "old").touch()
    prepare(tmp_path / "demo")
    assert not (tmp_path / "demo" / "old").exists()
    assert (tmp_path / "demo" / MARKER).exists()
