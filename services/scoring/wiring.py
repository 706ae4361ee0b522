"""The only place where scoring's parts are put together: called by __main__, and by `keycounty replay`."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from services.scoring.kafka_broker import KafkaBroker
from services.scoring.kafka_options import KafkaOptions
from services.scoring.pages import Pages
from services.scoring.replaying import Replaying
from services.scoring.rules.fold import PartitionFold
from services.scoring.settings import ScoringSettings
from services.scoring.shell import Shell, end
from services.scoring.stream import Pace, Scorer
from shared import garbage
from shared.clock import real
from shared.health import Health
from shared.kafka_options import connection
from shared.rulesets import load
from shared.rulesets.drafts import with_draft
from shared.telemetry import Metrics, configure_logging, configure_tracing


def build(settings: ScoringSettings) -> Shell:
    """One worker; its `run` returns only by ending the process."""
    configure_logging("scoring", settings)
    configure_tracing("scoring", settings)
    pace = Pace(session=settings.scoring_session_s, max_records=settings.scoring_batch)
    scorer = Scorer(KafkaBroker(options(settings)), partial(PartitionFold, load(settings.rulesets_dir)), end, pace)
    health = Health()
    health.add("partitions", _prepared(scorer))
    pages = Pages(scorer, health, Metrics(), settings.scoring_stalled_s, real)
    garbage.seldom()
    return Shell(settings, scorer, pages.add_to)


def replaying(settings: ScoringSettings, draft: Path | None) -> Replaying:
    """A replay with the rule sets at hand, and beside it (`draft`: a rule file) one with the draft in their place.

    Raises `InvalidRules` naming what is wrong with the draft.
    """
    rules = settings.rulesets_dir
    drafted = partial(PartitionFold, with_draft(rules, draft), rehearse=True) if draft else None
    return Replaying(options(settings), settings.topic_partitions, partial(PartitionFold, load(rules)), drafted)


def options(settings: ScoringSettings) -> KafkaOptions:
    return KafkaOptions(
        connection(settings),
        prefix=settings.topic_prefix,
        instance=settings.named_instance,
        session_s=settings.scoring_session_s,
    )


def _prepared(scorer: Scorer) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        return None if scorer.ready else "the partitions of this worker are not prepared"

    return check
