"""Ports and replicas: nothing collides, and what is wrong is named."""

import random
import socket
from itertools import pairwise

import pytest

from deploy.local.child import port_taken
from deploy.local.ports import MOST_REPLICAS, SERVICES, Ports, PortsTakenError, parse_replicas


def test_the_default_ports_are_those_of_the_contract() -> None:
    ports = Ports()
    assert [ports.service(name) for name in SERVICES] == [8001, 8002, 8003, 8004]
    assert (ports.kafka, ports.mongo) == (9092, 27017)


def test_a_base_moves_every_port_and_none_collide() -> None:
    found = sorted(Ports.from_base(18_000).all(dict.fromkeys(SERVICES, MOST_REPLICAS)).values())
    assert all(a < b for a, b in pairwise(found))
    assert found[0] > 18_000
    assert found[-1] <= 18_093


def test_taken_ports_are_all_named_with_the_way_out() -> None:
    ports = Ports.free(random.Random())
    with socket.socket() as one, socket.socket() as two:
        for sock, port in ((one, ports.kafka), (two, ports.service("notify", 1))):
            sock.bind(("127.0.0.1", port))
            sock.listen()
        with pytest.raises(PortsTakenError) as error:
            ports.check({"notify": 2}, patience=0)
    message = str(error.value)
    assert f"{ports.kafka} (kafka)" in message
    assert f"{ports.service('notify', 1)} (notify-2)" in message
    assert "--port-base" in message


def test_free_ports_are_free() -> None:
    ports = Ports.free(random.Random(7))
    assert not any(port_taken(port) for port in ports.all(dict.fromkeys(SERVICES, 1)).values())


def test_replicas_default_to_one_each() -> None:
    assert parse_replicas("") == dict.fromkeys(SERVICES, 1)
    assert parse_replicas("notify=2, scoring=3") == {"intake": 1, "scoring": 3, "notify": 2, "reporting": 1}


@pytest.mark.parametrize("text", ["mail=2", "notify", "notify=0", "notify=9", "notify=x"])
def test_wrong_replicas_are_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError, match=text.partition("=")[0]):
        parse_replicas(text)
