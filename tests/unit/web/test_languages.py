"""Choosing zh-CN or English."""

import pytest

from shared.web.languages import as_language, from_accept, in_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-GB,en;q=0.9", "en"),
        ("fr, zh-TW;q=0.5, en;q=0.8", "en"),
        ("de", None),
        ("", None),
        ("en;q=nonsense, zh;q=0.1", "zh-CN"),
    ],
)
def test_the_best_of_our_languages_is_chosen(header: str, language: str | None) -> None:
    assert from_accept(header) == language


@pytest.mark.parametrize(("tag", "language"), [("zh_CN", "zh-CN"), ("ZH-hans-cn", "zh-CN"), ("en", "en"), (None, None)])
def test_tags_are_read_in_any_spelling(tag: str | None, language: str | None) -> None:
    assert as_language(tag) == language


def test_a_name_falls_back_to_the_other_language() -> None:
    assert in_language({"zh": "临淄区", "en": ""}, "en") == "临淄区"
    assert in_language({"zh": "临淄区", "en": "Linzi"}, "en") == "Linzi"
    assert in_language(None, "en") == ""
