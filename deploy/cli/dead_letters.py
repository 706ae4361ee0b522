"""`keycounty dead-letters`: what was put away, why, and sending it again once its cause is mended."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.connection import RunFileOption, settings_of
from deploy.cli.failing import fail
from shared.bus import Delivery, Record
from shared.errors import Rejected, Unavailable
from shared.kafka_bus import KafkaConsumer, KafkaPublisher
from shared.settings import Settings
from shared.topics import DEAD_LETTERS

if TYPE_CHECKING:
    from deploy.cli.rehearsal import Effect

app = typer.Typer(help="Records that no service could take, with their original bytes.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
SHOWN_BYTES = 2000
_SOURCE = re.compile(r"[^:]+:\d+:\d+")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of `dead-letters.v1`. `id` is its own place there: `partition-offset`."""

    id: str
    reason: str
    detail: str
    source: str
    service: str
    delivery: Delivery

    @property
    def has_source(self) -> bool:
        """Whether `source` is a `topic:partition:offset`; what others write to the topic may lack it."""
        return _SOURCE.fullmatch(self.source) is not None

    @property
    def topic(self) -> str:
        """The topic it came from, without prefix."""
        return self.source.rsplit(":", 2)[0]

    @property
    def partition(self) -> int:
        """The partition it came from, to which its key takes it again."""
        return int(self.source.rsplit(":", 2)[1])

    def original(self) -> Record:
        """The record as it was: key, value and headers without ours."""
        headers = tuple((name, value) for name, value in self.delivery.headers if not name.startswith("kc_"))
        return Record(self.topic, self.delivery.key, self.delivery.value, headers)

    def summary(self) -> dict[str, Any]:
        """For lists."""
        return {name: getattr(self, name) for name in ("id", "service", "reason", "detail", "source")}


def dead_letter_of(delivery: Delivery) -> DeadLetter:
    """The dead letter in a record of `dead-letters.v1`."""
    ours = {name: value.decode(errors="replace") for name, value in delivery.headers if name.startswith("kc_")}
    place = f"{delivery.partition}-{delivery.offset}"
    reason, detail, source, service = (ours.get(f"kc_{name}", "") for name in ("reason", "detail", "source", "service"))
    return DeadLetter(place, reason, detail, source, service, delivery)


@app.command("list", epilog="Example: keycounty dead-letters list --run-file data/run.json --json")
def list_(run_file: RunFileOption = None, as_json: AsJson = False) -> None:
    """Show every dead letter, oldest first."""
    found = [letter.summary() for letter in read(settings_of(run_file))]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    table = Table("id", "service", "reason", "source", "detail")
    for one in found:
        table.add_row(one["id"], one["service"], one["reason"], one["source"], one["detail"][:80])
    Console().print(table if found else "There are no dead letters.")


@app.command(epilog="Example: keycounty dead-letters show 3-17 --run-file data/run.json")
def show(id: str, run_file: RunFileOption = None, as_json: AsJson = False) -> None:
    """Show one dead letter whole: cause, headers, and its bytes as far as they are text (JSON: in base64 too)."""
    letter = _named([id], read(settings_of(run_file)))[0]
    headers = {name: _text(value) for name, value in letter.delivery.headers}
    key, value = _text(letter.delivery.key), letter.delivery.value or b""
    if as_json:
        whole = {"headers": headers, "key": key, "value": _text(value), "value_base64": b64encode(value).decode()}
        typer.echo(json.dumps(letter.summary() | whole, ensure_ascii=False))
        return
    typer.echo(json.dumps(letter.summary(), ensure_ascii=False, indent=2))
    lines = [*(f"{name}: {text}" for name, text in headers.items()), f"key: {key}", _text(value[:SHOWN_BYTES])]
    typer.echo("\n".join(lines))


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="backslashreplace")


@app.command(epilog="Example: keycounty dead-letters redrive 3-17 3-18 --dry-run --run-file data/run.json")
def redrive(
    ids: list[str],
    run_file: RunFileOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Records a second.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Send dead letters again to the topic they came from, byte for byte. Consumers skip what they already have.

    The dry run folds the log and the letters after it, and says which colours and alerts would change.
    """
    settings = settings_of(run_file)
    letters = _named(ids, read(settings))
    if nowhere := [letter.id for letter in letters if not letter.has_source]:
        fail(f"{', '.join(nowhere)}: says not where it came from")
    if dry_run:
        _say(rehearsed(settings, letters), as_json)
        return
    try:
        asyncio.run(_send(settings, letters, rate))
    except Unavailable as away:
        fail(f"{away}; repeat the command, a second sending is harmless")
    typer.echo(json.dumps({"sent": [letter.id for letter in letters]}) if as_json else f"sent again: {len(letters)}")


def rehearsed(settings: Settings, letters: Sequence[DeadLetter]) -> "dict[str, Effect]":
    """What each letter would do, in their order, by its id. Exits with 1 when broker or rule sets are not at hand."""
    from deploy.cli.rehearsal import LOG, Effect, rehearsals
    from services.scoring.rules.fold import RuleSetMismatch
    from shared.rulesets import load

    partitions = {letter.partition for letter in letters if letter.topic == LOG}
    try:
        folds = asyncio.run(rehearsals(settings, load(settings.rulesets_dir), partitions)) if partitions else {}
    except (Unavailable, RuleSetMismatch) as wrong:
        fail(wrong)
    return {
        letter.id: folds[letter.partition].append(letter.original())
        if letter.topic == LOG
        else Effect(*verdict(letter))
        for letter in letters
    }


def _say(found: "dict[str, Effect]", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([{"id": id, **effect.as_json()} for id, effect in found.items()], ensure_ascii=False))
        return
    for id, effect in found.items():
        first, *more = effect.lines()
        typer.echo("\n".join([f"{id}: {first}", *(f"  {line}" for line in more)]))


def verdict(letter: DeadLetter) -> tuple[str | None, str | None]:
    """The event that the record would be taken for today, or why it would be put away again. Only the log decides on
    risk; a letter of another topic goes to whoever reads that.
    """
    try:
        event = letter.delivery.event()
    except Rejected as still:
        return None, f"{still.reason}: {still.detail}"
    return f"{event.type} about {event.subject} of {event.key}", None


def read(settings: Settings) -> list[DeadLetter]:
    """Every dead letter. Exits with 1 when the broker is away."""
    try:
        return [dead_letter_of(delivery) for delivery in asyncio.run(_read(settings))]
    except Unavailable as away:
        fail(away)


async def _read(settings: Settings) -> list[Delivery]:
    consumer = KafkaConsumer(settings, [DEAD_LETTERS], None)
    await consumer.start()
    try:
        ends, position = await consumer.end_offsets(), await consumer.position()
        found: list[Delivery] = []
        while any(position.get(place, 0) < end for place, end in ends.items()):
            found += await consumer.poll(500, 0.2)
            position = await consumer.position()
        return sorted(found, key=lambda delivery: (delivery.timestamp_ms, delivery.partition, delivery.offset))
    finally:
        await consumer.stop()


def _named(ids: Sequence[str], letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    known = {letter.id: letter for letter in letters}
    unknown = [id for id in ids if id not in known]
    if unknown:
        raise typer.BadParameter(
            f"no dead letter has the id {', '.join(unknown)}; `keycounty dead-letters list` shows them"
        )
    return [known[id] for id in ids]


async def _send(settings: Settings, letters: Sequence[DeadLetter], rate: float) -> None:
    publisher = KafkaPublisher(settings)
    await publisher.start()
    try:
        for letter in letters:
            await publisher.publish([letter.original()])
            await asyncio.sleep(1 / rate)
    finally:
        await publisher.stop()
