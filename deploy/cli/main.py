"""The `keycounty` command line tool; `pyproject.toml` names `app` as its entry point."""

import typer

from deploy.cli import topics, up

app = typer.Typer(
    name="keycounty",
    help="Supervision of hazardous-chemical key counties: run it, feed it, check it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold keys
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def keycounty() -> None:
    """Exit codes: 0 done, 1 failed, 2 wrong usage."""


app.command(name="up", epilog="Example: keycounty up --data-dir data --port-base 18000 --replicas notify=2")(up.up)
app.add_typer(topics.app, name="topics")
