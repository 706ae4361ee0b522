"""The chain of receipts that the page offers is the whole one, whatever its length, and verifies offline."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from services.intake.pages.reading import RECEIPTS
from tests.intake_site import ServedIntake, served
from tests.intake_world import E1, World, hazard_unit

LENGTH = 2 * RECEIPTS + 3


async def declare(world: World) -> None:
    for number in range(LENGTH):
        body = hazard_unit(hazard_unit_id=f"HU-{number % 7}", exposed_population=number)
        assert (await world.submit("/v1/hazard-units", E1, body)).status_code == 201
    await world.issue("own", "enterprise", enterprises=[E1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedIntake]:
    with served(tmp_path_factory.mktemp("intake"), declare) as running:
        yield running


def test_a_chain_of_more_than_one_page_is_downloaded_whole_and_verifies(site: ServedIntake, tmp_path: Path) -> None:
    with httpx.Client(base_url=site.url, headers={"accept": "text/html"}) as client:
        assert client.post("/login", data={"key": site.key("own"), "next": "/"}).status_code == 303
        linked = re.search(r'href="([^"]*receipts[^"]*)" download', client.get(f"/enterprises/{E1}").text)
        assert linked is not None
        answer = client.get(linked[1])
        keys = client.get("/.well-known/receipt-keys.json")
    assert answer.headers["content-disposition"] == f'attachment; filename="receipts-{E1}.ndjson"'
    chain, jwks = tmp_path / "chain.ndjson", tmp_path / "keys.json"
    chain.write_bytes(answer.content)
    jwks.write_bytes(keys.content)
    checked = CliRunner().invoke(app, ["receipts", "verify", str(chain), "--key", str(jwks), "--json"])
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.output) == {"receipts": LENGTH, "genuine": True, "flaws": []}
