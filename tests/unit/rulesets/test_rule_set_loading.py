"""The registry of dated rule sets: what is loaded, what a site puts in its place, how wrong files are reported."""

import hashlib
from datetime import date
from pathlib import Path

import pytest

from shared.events.base import Colour, RuleSetRef
from shared.rulesets import InvalidRules, NotInForce, UnknownRuleSet, load
from shared.rulesets.alert_policy import AlertPolicy
from shared.rulesets.gb18218 import Table
from shared.rulesets.loading import PACKAGED
from shared.rulesets.unit_index import UnitIndex

DAY = date(2023, 2, 20)


def packaged(name: str) -> str:
    return (PACKAGED / name).read_text(encoding="utf-8")


def test_the_packaged_sets_are_all_there_and_typed() -> None:
    assert {each.id for each in load().all()} == {
        "alert-policy", "aq-3067-2026", "decree-493", "enterprise-grading-2018-19", "gb18218-2018", "general-78",
        "mhd-2017-121", "old-installations", "park-bands-2023-123", "unit-index", "working-days",
    }  # fmt: skip
    assert load().at("alert-policy", DAY).of(AlertPolicy).severity["major_finding"] == "severe"
    with pytest.raises(TypeError, match="unit-index@1 holds UnitIndex"):
        load().at("unit-index", DAY).of(Table)


def test_a_set_of_one_file_has_that_files_hash_and_a_set_of_several_that_of_their_sums() -> None:
    rules = load()
    assert (
        rules.get("unit-index", 1).sha256 == hashlib.sha256((PACKAGED / "county_index.toml").read_bytes()).hexdigest()
    )
    names = [f"gb18218_2018_{part}.csv" for part in ("table1", "table2", "beta", "alpha", "levels")]
    sums = "".join(f"{hashlib.sha256((PACKAGED / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    assert rules.get("gb18218-2018", 1).sha256 == hashlib.sha256(sums.encode()).hexdigest()


def test_the_log_names_what_enters_it_and_not_the_alert_policy() -> None:
    named = {ref.id for ref in load().refs()}
    assert {"unit-index", "gb18218-2018", "mhd-2017-121"} <= named
    assert not {"alert-policy", "working-days"} & named


def test_a_site_file_with_a_new_version_stands_beside_the_packaged_one(tmp_path: Path) -> None:
    changed = packaged("county_index.toml").replace("version = 1", "version = 2").replace("2019-01-01", "2024-01-01")
    (tmp_path / "county_index.toml").write_text(changed.replace("yellow = 75", "yellow = 80"), encoding="utf-8")
    rules = load(tmp_path)
    assert rules.at("unit-index", date(2023, 12, 31)).version == 1
    assert rules.at("unit-index", date(2024, 1, 1)).version == 2
    assert rules.at("unit-index", date(2024, 1, 1)).of(UnitIndex).colour_of(79) == Colour.ORANGE
    assert rules.get("unit-index", 1).of(UnitIndex).colour_of(79) == Colour.YELLOW


def test_a_site_file_with_the_same_version_replaces_and_its_hash_tells(tmp_path: Path) -> None:
    (tmp_path / "county_index.toml").write_text(packaged("county_index.toml") + "# changed\n", encoding="utf-8")
    in_log = load().refs()
    assert load().mismatches(in_log) == []
    (complaint,) = load(tmp_path).mismatches(in_log)
    assert complaint.startswith("unit-index@1 has SHA-256")


def test_a_version_that_is_not_at_hand_is_named() -> None:
    future = RuleSetRef(id="unit-index", version=9, sha256="0" * 64)
    assert load().mismatches([future]) == ["unit-index@9 is not at hand"]


def test_a_sites_manifest_adds_sets_with_end_dates(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(
        "item,title_zh,title_en,focus,source\n1,一,One,chemical_park,synthetic\n", encoding="utf-8"
    )
    (tmp_path / "rulesets.toml").write_text(
        '[[rule_set]]\nid = "mine"\nversion = 1\nkind = "checklist"\nsource = "synthetic"\n'
        "effective_from = 2023-01-01\neffective_to = 2023-06-30\n"
        'files = { items = "mine.csv" }\ntitle = { zh = "我", en = "Mine" }\n',
        encoding="utf-8",
    )
    rules = load(tmp_path)
    assert rules.checklist("mine", date(2023, 6, 30)).title["en"] == "Mine"
    assert rules.checklist("mine").refused_for(date(2023, 7, 1)) == "no_longer_in_force"
    with pytest.raises(NotInForce, match="mine holds no version on 2023-07-01"):
        rules.at("mine", date(2023, 7, 1))


def test_everything_wrong_in_all_files_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "county_index.toml").write_text(
        packaged("county_index.toml").replace("weight = 30", "weight = 31").replace("orange = 60", "orange = 80"),
        encoding="utf-8",
    )
    (tmp_path / "park_bands_2023_123.csv").write_text(
        packaged("park_bands_2023_123.csv").replace("B,较高,60", "B,较高,sixty"), encoding="utf-8"
    )
    (tmp_path / "alerting.toml").write_text("not toml", encoding="utf-8")
    (tmp_path / "stray.csv").write_text("a\n", encoding="utf-8")
    with pytest.raises(InvalidRules) as caught:
        load(tmp_path)
    text = str(caught.value)
    for expected in (
        "weights must sum to 100",
        "blue > yellow > orange",
        "park_bands_2023_123.csv line 3: score_min_inclusive",
        "alerting.toml: not a TOML file",
        "stray.csv: no rule set names this file",
    ):
        assert expected in text
    assert len(caught.value.errors) == 4


@pytest.mark.parametrize(
    ("name", "found", "put", "complaint"),
    [
        ("gb18218_2018_beta.csv", "4,J1,急性毒性", "4,J9,急性毒性", "Table 4 has no beta for J1"),
        ("gb18218_2018_beta.csv", "Chlorine,4,", "Chlorine,3,", "row 12 has beta 4, Table 3 says 3"),
        ("gb18218_2018_table1.csv", "\n2,二氟化氧", "\n1,二氟化氧", "row 1 stands twice"),
        ("gb18218_2018_alpha.csv", "50,99,", "51,99,", "does not end where"),
        ("gb18218_2018_levels.csv", "2,二级,50,100", "2,二级,50,90", "level 1 does not begin where level 2 ends"),
        (
            "enterprise_grading_2018_19.csv",
            "2.1,2.周边环境,周边环境,10",
            "2.1,2.周边环境,周边环境,9",
            "sum to 99.0, not to 100",
        ),
        ("enterprise_grading_bands_2018_19.csv", "yellow,75", "yellow,55", "minima must fall"),
        ("accident_grades_decree_493.csv", "major,重大,10,", "major,重大,31,", "every bound must fall"),
        ("alerting.toml", "minor = 720", "", "default_promise_hours lacks minor"),
        ("county_index.toml", 'id = "unit-index"', 'id = "county"', "its file states the id county"),
        ("old_installations.toml", "version = 1", "version = 0", "version"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(
    tmp_path: Path, name: str, found: str, put: str, complaint: str
) -> None:
    text = packaged(name)
    assert found in text
    (tmp_path / name).write_text(text.replace(found, put, 1), encoding="utf-8")
    with pytest.raises(InvalidRules, match=complaint):
        load(tmp_path)


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRules, match="no such directory"):
        load(tmp_path / "absent")


def test_unknown_ids_and_versions_say_what_is_known() -> None:
    with pytest.raises(UnknownRuleSet, match="known: alert-policy"):
        load().at("no-such-set", DAY)
    with pytest.raises(UnknownRuleSet, match="unit-index@7 is not at hand"):
        load().get("unit-index", 7)


def test_the_unit_index_weighs_100_and_knows_its_vetoes() -> None:
    rules = load().at("unit-index", DAY).of(UnitIndex)
    assert sum(component.weight for component in rules.components().values()) == 100
    assert rules.at_best("major_accident") == Colour.RED
    assert [rules.colour_of(index) for index in (90, 89.9, 75, 60, 59.9)] == [
        "blue",
        "yellow",
        "yellow",
        "orange",
        "red",
    ]
