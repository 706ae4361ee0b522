"""Every text of notify's pages and messages has its Chinese."""

import re
from pathlib import Path

import pytest

from services.notify.assembly import PACKAGE
from services.notify.messages import CLOCKS, FACT_LABELS, REASONS
from services.notify.rules.wording import SEVERITY_NAMES, duration
from shared.web import pages
from shared.web.languages import Catalogue

CATALOGUE = Catalogue([Path(pages.__file__).parent / "locale", PACKAGE / "locale"])


def texts() -> set[str]:
    found = {*REASONS.values(), *CLOCKS.values(), *FACT_LABELS.values()}
    for template in (PACKAGE / "templates").iterdir():
        found |= set(re.findall(r'_\("([^"]+)"', template.read_text("utf-8")))
    return found


def test_every_text_is_translated() -> None:
    assert sorted(text for text in texts() if not CATALOGUE.knows(text)) == []


def test_a_text_without_chinese_would_be_found() -> None:
    assert not CATALOGUE.knows("No such text")


def test_severities_carry_the_words_of_statutory_warnings() -> None:
    words = [SEVERITY_NAMES[severity][0] for severity in ("extreme", "severe", "moderate", "minor")]
    assert words == ["特别严重", "严重", "较重", "一般"]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, ("0 分", "0 min")),
        (14, ("14 分", "14 min")),
        (60, ("1 小时 0 分", "1 h 0 min")),
        (719, ("11 小时 59 分", "11 h 59 min")),
        (1439, ("23 小时 59 分", "23 h 59 min")),
        (2880, ("2 天 0 小时", "2 d 0 h")),
    ],
)
def test_a_time_left_is_told_in_its_two_largest_units(minutes: int, expected: tuple[str, str]) -> None:
    assert duration(minutes) == expected
