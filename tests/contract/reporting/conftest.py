"""The stores of reporting's contract suites: in memory and in MongoDB."""

from collections.abc import AsyncIterator

import pytest

from services.reporting.documents import ReadModels
from services.reporting.stores.memory import MemoryReadModels
from services.reporting.stores.mongo import MongoReadModels
from shared import mongo


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.integration)])
async def models(request: pytest.FixtureRequest) -> AsyncIterator[ReadModels]:
    if request.param == "memory":
        yield MemoryReadModels()
        return
    database = mongo.connect(request.getfixturevalue("store_settings"), "reporting")
    found = MongoReadModels(database, 1)
    await found.prepare()
    yield found
    await database.drop()
    await database.close()
