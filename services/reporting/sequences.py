"""Which sequence numbers of a subject have been seen: merged spans, for completeness. Pure; called by the handlers
and queries.
"""

from collections.abc import Iterable, Sequence

Spans = Sequence[Sequence[int]]


def merged(spans: Spans, numbers: Iterable[int] = ()) -> list[list[int]]:
    """The spans (first and last, both inclusive) that cover `spans` and `numbers`, sorted and joined where they
    touch.
    """
    found: list[list[int]] = []
    for first, last in sorted([*((span[0], span[1]) for span in spans), *((number, number) for number in numbers)]):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return found


def count(spans: Spans) -> int:
    """How many numbers the spans cover."""
    return sum(last - first + 1 for first, last in spans)


def missing(spans: Spans) -> list[list[int]]:
    """The spans not covered between 1 and the highest number seen."""
    found, expected = [], 1
    for first, last in spans:
        if first > expected:
            found.append([expected, first - 1])
        expected = last + 1
    return found
