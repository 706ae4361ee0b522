"""One running system for the fuzz campaign. `--requests N` and `--fuzz-seed N` choose how much, and which."""

from collections.abc import Iterator

import pytest

from tests.fuzzing import Attack
from tests.system import County, running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requests", type=int, default=10_200, help="How many requests to generate.")
    parser.addoption("--fuzz-seed", type=int, default=1, help="Draws the same requests again.")


@pytest.fixture(scope="session")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    with running(tmp_path_factory.mktemp("fuzz") / "data") as system:
        found = Attack(County(system).register(enterprises=4))
        yield found
        found.close()
