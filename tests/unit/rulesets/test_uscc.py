"""Unified social credit codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rulesets import uscc
from tests.builders import enterprise_id


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("91370305MA3KEY0T16", None),
        ("91370305MA3KEY0T17", "check_digit"),
        ("91370305MA3KEY0T1", "length"),
        ("91370305ma3key0t16", "characters"),
        ("91370305MA3KEY0T1 ", "characters"),
        ("9137 305MA3KEY0T16", "characters"),
        ("91370305MA3KEYOT16", "characters"),  # the letter O is not in the alphabet
        ("", "length"),
        ("９１370305MA3KEY0T16", "characters"),
    ],
)
def test_a_code_is_valid_or_says_what_is_wrong(code: str, problem: str | None) -> None:
    assert uscc.problem(code) == problem


@given(st.integers(0, 999_999), st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_changed_character_is_always_noticed(number: int, at: int, char: str) -> None:
    code = enterprise_id(number)
    assert uscc.is_valid(code)
    changed = code[:at] + char + code[at + 1 :]
    assert uscc.is_valid(changed) is (changed == code)
