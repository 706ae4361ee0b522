"""How a command says that it failed; wrong usage is `typer.BadParameter`. Used by every command."""

from typing import NoReturn

import typer


def say(why: object) -> None:
    """One line on standard error."""
    typer.secho(f"keycounty: {why}", fg="red", err=True)


def fail(why: object) -> NoReturn:
    """Says why and ends the command with 1."""
    say(why)
    raise typer.Exit(1)
