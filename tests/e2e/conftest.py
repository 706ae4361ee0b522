"""One running system with one registered county for all end-to-end tests."""

from collections.abc import Iterator

import pytest

from tests.system import County, System, running


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("e2e") / "data") as found:
        yield found


@pytest.fixture(scope="session")
def county(system: System) -> County:
    return County(system).register(enterprises=9)
