"""What `keycounty replay` takes: times with an offset, and draft rules of a rule set that is known."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.cli.replay import instant

EIGHT = datetime(2023, 3, 1, tzinfo=UTC)
NOWHERE = {"KEYCOUNTY_KAFKA_BOOTSTRAP": "127.0.0.1:1"}


@pytest.mark.parametrize(
    "text", ["2023-03-01T08:00:00+08:00", "2023-03-01T00:00:00Z", "2023-03-01T00:00:00", "2023-03-01"]
)
def test_a_time_is_read_with_its_offset_and_as_utc_without_one(text: str) -> None:
    assert instant(text) == EIGHT


def test_what_is_no_time_is_wrong_usage() -> None:
    with pytest.raises(typer.BadParameter, match="yesterday"):
        instant("yesterday")
    assert CliRunner().invoke(app, ["replay", "--until", "yesterday"], env=NOWHERE).exit_code == 2


@pytest.mark.parametrize(("rules", "named"), [('id = "weather"\n', "weather.toml"), ("id =", "weather.toml")])
def test_a_draft_that_cannot_be_read_is_wrong_usage_and_named(tmp_path: Path, rules: str, named: str) -> None:
    draft = tmp_path / "weather.toml"
    draft.write_text(rules, encoding="utf-8")
    told = CliRunner().invoke(app, ["replay", "--rules", str(draft)], env=NOWHERE)
    assert told.exit_code == 2
    assert named in told.output.replace("\n", "")
