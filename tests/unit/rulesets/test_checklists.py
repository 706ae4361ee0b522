"""The three checklists: items, dates, focus areas, and what is marked as ours or unconfirmed."""

from datetime import date

import pytest

from shared.rulesets import InvalidRules, NotInForce, load
from shared.rulesets.checklists import parse

RULES = load()


def test_the_list_of_2017_has_twenty_items_all_major_and_no_end() -> None:
    found = RULES.checklist("mhd-2017-121")
    assert list(found.items) == [str(number) for number in range(1, 21)]
    assert found.every_finding_is_major
    assert found.effective_to is None
    assert found.refused_for(date(2030, 1, 1)) is None


def test_aq_3067_has_53_articles_and_is_refused_before_its_day() -> None:
    found = RULES.checklist("aq-3067-2026")
    assert len(found.items) == 53
    assert not found.confirmed
    assert found.refused_for(date(2026, 9, 29)) == "not_yet_in_force"
    assert found.refused_for(date(2026, 9, 30)) is None


def test_the_list_by_professional_area_has_nine_headings_marked_unconfirmed_and_needs_references() -> None:
    found = RULES.checklist("general-78")
    areas = list(dict.fromkeys(item.area["en"] for item in found.items.values()))
    assert areas[0] == "Basic management"
    assert areas[-1] == "Special control of key chemicals"
    assert len(areas) == 9
    assert (found.confirmed, found.ref_required, found.every_finding_is_major) == (False, True, False)
    assert all("title_zh" in item.ours for item in found.items.values())


@pytest.mark.parametrize("id", ["mhd-2017-121", "aq-3067-2026", "general-78"])
def test_every_item_has_both_titles_and_names_a_focus_area_marked_ours(id: str) -> None:
    for item in RULES.checklist(id).items.values():
        assert item.title["zh"]
        assert item.title["en"]
        assert item.focus
        assert "focus" in item.ours


def test_a_list_not_yet_in_force_is_not_found_by_date() -> None:
    with pytest.raises(NotInForce):
        RULES.checklist("aq-3067-2026", date(2026, 9, 29))
    assert RULES.checklist("aq-3067-2026", date(2026, 9, 30)).id == "aq-3067-2026"


def test_an_item_with_an_unknown_focus_area_is_named() -> None:
    table = "item,title_zh,title_en,focus,source\n1,一,One,major_hazzard,synthetic\n".encode()
    with pytest.raises(InvalidRules, match="item 1: 'major_hazzard'"):
        parse(("items.csv", table))
