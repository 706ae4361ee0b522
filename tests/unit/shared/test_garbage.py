"""The collector of a process that makes much at its start: seldom, yet not never."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from shared import garbage


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


class Circle:
    def __init__(self) -> None:
        self.itself = self


def test_what_the_start_has_made_is_left_out_of_collections() -> None:
    kept = Circle()
    garbage.seldom()
    assert not any(each is kept for each in gc.get_objects())
    assert gc.get_threshold()[0] == garbage.YOUNG


def test_a_circle_made_later_goes_after_as_many_new_objects_as_are_waited_for() -> None:
    garbage.seldom()
    gone = weakref.ref(Circle())
    few = [[] for _ in range(garbage.YOUNG // 2)]
    assert gone() is not None
    many = [[] for _ in range(garbage.YOUNG)]
    assert gone() is None, f"still there after {len(few) + len(many)} objects"
