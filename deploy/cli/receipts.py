"""`keycounty receipts verify`: checks a receipt chain offline, with the public keys at hand. Mounted by the
`keycounty` command.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.failing import say
from shared import receipts

app = typer.Typer(help="Receipts: the proof of what was reported.", no_args_is_help=True)


@app.callback()
def _receipts() -> None:
    """Receipts: the proof of what was reported."""


@app.command(epilog="Example: keycounty receipts verify chain.json --key receipt-keys.json")
def verify(
    file: Annotated[Path, typer.Argument(help="A chain: JSON list, the answer of /v1/receipts/…, or NDJSON.")],
    key: Annotated[Path, typer.Option("--key", help="The JWK set of /.well-known/receipt-keys.json, a JWK, or a PEM.")],
    as_json: Annotated[bool, typer.Option("--json", help="Answer with JSON.")] = False,
) -> None:
    """Check a chain from its first receipt on; name every missing, altered, reordered or foreign link. Exit 1 for a
    flaw.
    """
    try:
        chain, keys = _chain(file.read_text(encoding="utf-8-sig")), _keys(key.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as wrong:
        say(wrong)
        raise typer.Exit(2) from None
    flaws = receipts.verify_chain(chain, keys)
    if as_json:
        told = [
            {"index": flaw.index, "seq": flaw.seq, "problem": flaw.problem, "detail": flaw.detail} for flaw in flaws
        ]
        typer.echo(json.dumps({"receipts": len(chain), "genuine": bool(chain) and not flaws, "flaws": told}))
    elif not chain:
        typer.secho("there is no receipt in the file", fg="red", err=True)
    else:
        for flaw in flaws:
            typer.echo(f"receipt {flaw.index + 1} (number {flaw.seq}): {flaw.problem}: {flaw.detail}")
        subject = chain[0].get("subject") if isinstance(chain[0], dict) else None
        typer.echo(f"{len(chain)} receipts of {subject}: {'unbroken' if not flaws else f'{len(flaws)} flaws'}")
    raise typer.Exit(1 if flaws or not chain else 0)


def _chain(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(found, dict):
        return list(found["items"]) if "items" in found else [found.get("receipt", found)]
    return list(found)


def _keys(text: str) -> Any:
    return receipts.public_keys(text if text.lstrip().startswith("-----BEGIN") else json.loads(text))
