"""Cursors: opaque, and refused with a clear problem when they are none of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.paging import decode_cursor, encode_cursor, page
from shared.http.problems import Problem


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.integers(), st.text(max_size=20)), max_size=4))
def test_a_cursor_gives_its_position_back(position: dict[str, object]) -> None:
    assert decode_cursor(encode_cursor(position)) == position


@given(st.text(max_size=40))
def test_any_other_text_is_a_400_or_a_position(text: str) -> None:
    try:
        found: object = decode_cursor(text)
    except Problem as problem:
        found = problem
    assert isinstance(found, dict) or getattr(found, "status", None) == 400


def test_the_last_page_has_no_cursor() -> None:
    assert page([1, 2], None) == {"items": [1, 2], "next_cursor": None}


def test_a_broken_cursor_is_named() -> None:
    with pytest.raises(Problem) as refused:
        decode_cursor("%%%")
    assert refused.value.errors[0].pointer == "query:cursor"
