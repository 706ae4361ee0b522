"""`keycounty topics` against a real broker, as an operator runs it."""

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.topics import app
from shared.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(bus_settings: Settings) -> dict[str, str]:
    return {
        "KEYCOUNTY_KAFKA_BOOTSTRAP": bus_settings.kafka_bootstrap,
        "KEYCOUNTY_TOPIC_PREFIX": bus_settings.topic_prefix,
        "KEYCOUNTY_TOPIC_PARTITIONS": "2",
        "KEYCOUNTY_TOPIC_REPLICATION": "1",
        "COLUMNS": "200",
    }


def test_topics_are_listed_made_and_made_no_second_time(environment: dict[str, str], bus_settings: Settings) -> None:
    run = CliRunner(env=environment)
    before = json.loads(run.invoke(app, ["list", "--json"]).stdout)
    assert {row["partitions"] for row in before} == {None}
    made = json.loads(run.invoke(app, ["ensure", "--json"]).stdout)["created"]
    assert f"{bus_settings.topic_prefix}inspections.v1" in made
    assert len(made) == 7
    assert "all topics exist" in run.invoke(app, ["ensure"]).stdout
    shown = run.invoke(app, ["list"]).stdout
    assert "registry.v1" in shown
    assert "last record of each key" in shown
    assert "missing" not in shown


def test_another_number_of_partitions_is_refused_and_named(environment: dict[str, str]) -> None:
    CliRunner(env=environment).invoke(app, ["ensure"])
    refused = CliRunner(env={**environment, "KEYCOUNTY_TOPIC_PARTITIONS": "4"}).invoke(app, ["ensure"])
    assert refused.exit_code == 1
    assert "inspections.v1 has 2 partitions, the settings say 4" in refused.stderr


def test_a_missing_setting_ends_with_2(environment: dict[str, str]) -> None:
    environment.pop("KEYCOUNTY_KAFKA_BOOTSTRAP")
    refused = CliRunner(env=environment).invoke(app, ["ensure"])
    assert refused.exit_code == 2
    assert "KEYCOUNTY_KAFKA_BOOTSTRAP: missing" in refused.stderr


def test_help_shows_an_example() -> None:
    told = CliRunner().invoke(app, ["ensure", "--help"]).stdout
    assert "keycounty topics ensure --json" in " ".join(told.split())
