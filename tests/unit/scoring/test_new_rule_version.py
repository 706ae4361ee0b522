"""A new version of a rule set beside the old one: it holds where the log names it, and changes nothing of before."""

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest

from services.scoring.replay import Replay, differing
from services.scoring.rules.assessed_unit import CAUSES
from services.scoring.rules.components import INPUTS, SCORES
from services.scoring.rules.fold import PartitionFold
from services.scoring.rules.unit_index import VETOES
from shared.rulesets import InvalidRules, RuleSets, load
from shared.rulesets.drafts import with_draft
from shared.rulesets.loading import PACKAGED
from shared.rulesets.unit_index import ComponentId, VetoId
from tests import builders as build
from tests.unit.scoring import frozen
from tests.unit.scoring.rules.folding import instant, named

INDEX = "county_index.toml"
LATER = date(2027, 2, 1)


def stricter(folder: Path, name: str = INDEX, since: str = "2027-01-01") -> Path:
    """Version 2 of the unit index: blue from 99.9 on, the other colours close below."""
    rules = (PACKAGED / INDEX).read_text(encoding="utf-8")
    for old, new in (
        ("version = 1", "version = 2"),
        ("effective_from = 2019-01-01", f"effective_from = {since}"),
        ("blue = 90", "blue = 99.9"),
        ("yellow = 75", "yellow = 99.8"),
        ("orange = 60", "orange = 99.7"),
    ):
        assert old in rules
        rules = rules.replace(old, new)
    (folder / name).write_text(rules, encoding="utf-8")
    return folder / name


def opened(rules: RuleSets, day: date) -> Any:
    """What a unit comes to that opens a round on the day under the rule sets at hand."""
    fold = PartitionFold(rules, 0)
    round_id = f"{day.year}-1"
    fold.apply(
        build.round_opened(1, round_id=round_id, opens=day, at=instant(day), key_tasks=(), rule_sets=rules.refs()), 0
    )
    fold.apply(build.inspection_submitted(1, round_id=round_id, at=instant(day), grading=build.grading({"1.1": 5})), 1)
    return next(each.data for each in fold.flush().events if named(each) == "unit.assessed")


def test_a_log_that_names_the_old_version_folds_to_what_was_recorded(tmp_path: Path) -> None:
    stricter(tmp_path)
    recorded = json.loads(frozen.OUTCOME.read_text(encoding="utf-8"))["units"]
    assert frozen.first_difference(recorded, frozen.folded(frozen.deliveries(), load(tmp_path))) is None


def test_each_round_is_judged_by_the_version_in_force_when_it_opens(tmp_path: Path) -> None:
    stricter(tmp_path)
    both = load(tmp_path)
    before, after = opened(both, date(2026, 2, 1)), opened(both, LATER)
    assert before.index == after.index
    assert (before.components[0].version, after.components[0].version) == (1, 2)
    assert (before.colour_without_vetoes, after.colour_without_vetoes) == ("yellow", "red")


def rehearsed(draft: Path, site: Path | None = None) -> list[str]:
    """The units that a draft would show or alert differently, over the frozen log."""
    now = Replay(partial(PartitionFold, load()))
    then = Replay(lambda partition: PartitionFold(with_draft(site, draft), partition, rehearse=True))
    for replay in (now, then):
        replay.take(0, frozen.deliveries())
    return [each.unit_id for each in differing(now.outcome(), then.outcome())]


def test_a_draft_under_any_name_and_of_any_date_is_rehearsed_on_the_whole_log(tmp_path: Path) -> None:
    assert rehearsed(stricter(tmp_path, "draft.toml", since="2099-01-01"))


def test_a_draft_takes_the_place_of_a_sites_own_rules_and_leaves_its_others(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    stricter(site, since="2019-01-01")
    policy = (PACKAGED / "alerting.toml").read_text(encoding="utf-8").replace("version = 1", "version = 9")
    (site / "alerting.toml").write_text(policy, encoding="utf-8")
    found = with_draft(site, stricter(tmp_path, "draft.toml", since="2020-01-01"))
    assert [(each.version, str(each.effective_from)) for each in found.versions("unit-index")] == [(2, "2020-01-01")]
    assert [each.version for each in found.versions("alert-policy")] == [1, 9]


def test_a_draft_of_no_known_rule_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "draft.toml").write_text('id = "weather"\n', encoding="utf-8")
    with pytest.raises(InvalidRules, match=r"draft\.toml"):
        with_draft(None, tmp_path / "draft.toml")


def test_every_component_and_veto_that_a_file_may_name_can_be_worked_out_and_explained() -> None:
    assert set(SCORES) == set(INPUTS) == set(get_args(ComponentId))
    assert set(VETOES) == set(CAUSES) == set(get_args(VetoId))
