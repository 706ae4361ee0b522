"""Intake's metrics, and a store that counts its calls. Declared and wrapped by wiring."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from services.intake.ports import SubmissionStore
from shared.telemetry import Metrics

Counted = Callable[..., Awaitable[Any]]


class IntakeMetrics:
    """The metrics of intake by what they say."""

    def __init__(self, metrics: Metrics) -> None:
        self.accepted = metrics.counter("keycounty_intake_accepted_total", "Submissions stored.", ["kind"])
        self.repeated = metrics.counter("keycounty_intake_repeated_total", "Submissions answered as before.", ["kind"])
        self.refused = metrics.counter(
            "keycounty_intake_refused_total", "Faults in refused submissions, by code.", ["code"]
        )
        self.published = metrics.counter("keycounty_intake_published_total", "Submissions with the broker.")
        self.waiting = metrics.gauge(
            "keycounty_intake_waiting", "Submissions of the held shards that wait to be published."
        )
        self.oldest_s = metrics.gauge(
            "keycounty_intake_oldest_waiting_seconds", "Age of the one that has waited longest."
        )
        self.shards = metrics.gauge("keycounty_intake_shards_held", "Shards whose outbox this replica publishes.")
        self.store_calls = metrics.counter(
            "keycounty_intake_store_calls_total", "Calls of the submission store.", ["method"]
        )


class _Metered:
    """Passes every method on, counting it."""

    def __init__(self, store: SubmissionStore, metrics: IntakeMetrics) -> None:
        self._store = store
        self._metrics = metrics

    def __getattr__(self, name: str) -> Counted:
        method: Counted = getattr(self._store, name)
        calls = self._metrics.store_calls.labels(name)

        def counted(*args: Any, **kwargs: Any) -> Awaitable[Any]:
            calls.inc()
            return method(*args, **kwargs)

        setattr(self, name, counted)
        return counted


def metered(store: SubmissionStore, metrics: IntakeMetrics) -> SubmissionStore:
    """The store, counted."""
    return cast("SubmissionStore", _Metered(store, metrics))
