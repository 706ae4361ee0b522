"""The `keycounty` command: every command has help with an example, and wrong usage is exit code 2."""

import pytest
from typer.testing import CliRunner

from deploy.cli.main import COMMANDS, app

runner = CliRunner()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = runner.invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "Example: " in result.output
    assert "keycounty " + name in result.output


def test_the_bare_command_lists_the_commands() -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.output for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-command"], "No such command"),
        (["up", "--replicas", "mail=2"], "mail=2"),
        (["up", "--port-base", "80"], "1024"),
        (["up", "--max-deaths", "0"], "greater than or equal to 1"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(arguments: list[str], message: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_clock_start_without_an_offset_is_wrong_usage() -> None:
    result = runner.invoke(app, ["up"], env={"KEYCOUNTY_CLOCK_START": "2023-02-01T08:00:00"})
    assert result.exit_code == 2
    assert "offset" in result.output
