"""The CloudEvents envelope: what is written is read, and what is no event is refused with everything that is wrong."""

import dataclasses
import json
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.events.envelope import Event, decode, encode, headers
from tests.builders import UNIT, day_started, finding, inspection_submitted
from tests.event_log import event_log

EVENT = inspection_submitted(3, findings=[finding("5", ref="TF-2")])
KEY = UNIT.encode()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def attributes(**changes: bytes | None) -> list[tuple[str, bytes]]:
    """The event's headers with some replaced; None leaves one out."""
    found = {**dict(headers(EVENT)), **changes}
    return [(name, content) for name, content in found.items() if content is not None]


def refusal(key: bytes | None, value: bytes | None, raw: list[tuple[str, bytes]]) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(key, value, raw)
    return caught.value


@given(
    st.integers(0, 10_000).map(lambda days: date.fromordinal(730_000 + days)),
    st.none() | st.text(min_size=1),
    st.integers(-2 * 10**15, 7 * 10**15).map(lambda micro: EPOCH + timedelta(microseconds=micro)),
)
def test_what_is_written_is_read(day: date, correlation_id: str | None, time: datetime) -> None:
    event = dataclasses.replace(day_started(day), correlation_id=correlation_id, time=time)
    assert decode(event.key.encode(), encode(event), headers(event)) == event


def test_every_event_of_a_seeded_log_is_read_as_written() -> None:
    assert [decode(each.key.encode(), encode(each), headers(each)) for each in LOG] == LOG


LOG: list[Event] = event_log(units=1, enterprises=3, rounds=1)


def test_everything_missing_is_named_at_once() -> None:
    found = refusal(None, None, [])
    assert found.reason == "not_an_event"
    assert found.detail == "missing ce_id, ce_type, ce_source, ce_subject, ce_time, value, key"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ce_id", b"no-uuid"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2023-02-20T04:00:00"),
        ("ce_subject", b"\xff\xfe"),
    ],
)
def test_an_unreadable_attribute_is_no_event(name: str, content: bytes) -> None:
    assert refusal(KEY, encode(EVENT), attributes(**{name: content})).reason == "not_an_event"


def test_a_header_without_a_value_counts_as_missing() -> None:
    raw = [*attributes(ce_id=None), ("ce_id", None)]
    assert refusal(KEY, encode(EVENT), raw).detail == "missing ce_id"  # type: ignore[arg-type]


def test_foreign_headers_are_left_alone_whatever_they_hold() -> None:
    raw = [*attributes(), ("x-binary", b"\xff\xfe"), ("x-empty", None)]
    assert decode(KEY, encode(EVENT), raw) == EVENT  # type: ignore[arg-type]


def test_a_key_that_is_not_the_unit_is_refused() -> None:
    found = refusal(b"elsewhere", encode(EVENT), attributes())
    assert (found.reason, found.detail) == ("key_mismatch", "key 'elsewhere' is not the unit 'linzi'")


def test_each_wrong_path_of_the_data_is_named() -> None:
    wrong = json.loads(encode(EVENT))
    wrong["seq"], wrong["results"][0]["outcome"] = 0, "perhaps"
    found = refusal(KEY, json.dumps(wrong).encode(), attributes())
    assert found.reason == "schema"
    assert "/seq:" in found.detail
    assert "/results/0/outcome:" in found.detail


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b"\xff", b"{", b"[" * 100_000, b'{"unit_id": "linzi"}'])
def test_bytes_that_are_no_data_are_refused_as_schema(value: bytes) -> None:
    assert refusal(KEY, value, attributes()).reason == "schema"


def test_an_unknown_field_of_a_later_minor_version_is_ignored() -> None:
    richer = {**json.loads(encode(EVENT)), "weather": "fine"}
    assert decode(KEY, json.dumps(richer).encode(), attributes()).data == EVENT.data


@given(
    st.binary(max_size=200),
    st.binary(max_size=30),
    st.dictionaries(st.sampled_from(["ce_id", "ce_type", "ce_time"]), st.binary()),
)
def test_no_bytes_whatever_raise_anything_but_a_rejection(value: bytes, key: bytes, some: dict[str, bytes]) -> None:
    raw = attributes(**some, ce_source=str(uuid.UUID(int=0)).encode())
    with pytest.raises(Rejected):
        decode(key, value, raw)
