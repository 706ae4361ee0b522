"""Logs, metrics and traces of one process: JSON lines with a correlation id, declared Prometheus metrics, and
OpenTelemetry when an endpoint is configured. Set up by each wiring, used everywhere.
"""

import logging
import re
import sys
from collections.abc import Generator, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from shared.events.envelope import Event
from shared.settings import Settings

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)

M = TypeVar("M", Counter, Gauge, Histogram)
Fields = MutableMapping[str, Any]
_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]*(?=@)")


def log(name: str) -> Any:
    """A structlog logger; `name` says which part speaks."""
    return structlog.get_logger(name)


def configure_logging(service: str, settings: Settings) -> None:
    """Everything logged in this process, libraries' lines too, goes to standard output as one JSON object a line."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        _with_context(service),
        structlog.processors.format_exc_info,
        mask_passwords,
    ]
    last: Any = (
        structlog.dev.ConsoleRenderer(colors=False)
        if settings.log_format == "console"
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _take_over_standard_logging(shared, last, settings.log_level)


def _take_over_standard_logging(processors: list[Any], last: Any, level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("aiokafka", "faust", "mode", "pymongo", "httpx"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _with_context(service: str) -> Any:
    def add(_logger: Any, _method: str, fields: Fields) -> Fields:
        fields["service"] = service
        if (known := correlation_id.get()) is not None:
            fields.setdefault("correlation_id", known)
        return fields

    return add


def mask_passwords(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Takes user and password out of every address in a log line."""
    return {
        name: _PASSWORD_IN_URL.sub("***", value) if isinstance(value, str) else value for name, value in fields.items()
    }


@contextmanager
def bound(event: Event) -> Generator[None]:
    """While an event is handled: its correlation id is in every log line, its trace is continued."""
    tokens = correlation_id.set(event.correlation_id or str(event.id)), traceparent.set(event.traceparent)
    try:
        with span(f"handle {event.type}", event.traceparent):
            yield
    finally:
        correlation_id.reset(tokens[0])
        traceparent.reset(tokens[1])


@contextmanager
def span(name: str, parent: str | None) -> Generator[None]:
    """A span of the trace that `parent` (a `traceparent`) belongs to, or of a new one; nothing without an endpoint."""
    # OpenTelemetry is loaded by `configure_tracing` alone: without an endpoint no event pays for it.
    if "opentelemetry.sdk.trace" not in sys.modules:
        yield
        return
    from opentelemetry import propagate, trace

    context = propagate.extract({"traceparent": parent}) if parent else None
    with trace.get_tracer("keycounty").start_as_current_span(name, context=context):
        yield


def configure_tracing(service: str, settings: Settings) -> None:
    """Sends spans by OTLP over HTTP when `otel_exporter_otlp_endpoint` is set; else does nothing."""
    if not settings.otel_exporter_otlp_endpoint:
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": f"keycounty-{service}", "service.instance.id": settings.instance})
    provider = TracerProvider(resource=resource)
    endpoint = settings.otel_exporter_otlp_endpoint.rstrip("/") + "/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)


def current_traceparent() -> str | None:
    """The W3C `traceparent` to hand on: of the running span, or of the event or request being handled."""
    if "opentelemetry.sdk.trace" in sys.modules:
        from opentelemetry import propagate

        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier.get("traceparent", traceparent.get())
    return traceparent.get()


class Undeclared(KeyError):
    """A metric was used that nothing declares."""


class Metrics:
    """The declared metrics of one process. Declaring the same metric again gives the same one; declaring its name with
    another kind, text or labels raises ValueError.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._declared: dict[str, tuple[tuple[Any, ...], Counter | Gauge | Histogram]] = {}
        ProcessCollector(registry=self.registry)

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        return self._declare(Counter, name, help, labels)

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        return self._declare(Gauge, name, help, labels)

    def histogram(
        self, name: str, help: str, labels: Sequence[str] = (), buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS
    ) -> Histogram:
        return self._declare(Histogram, name, help, labels, buckets=tuple(buckets))

    def __getitem__(self, name: str) -> Any:
        """The metric of that name. Raises `Undeclared`."""
        if name not in self._declared:
            raise Undeclared(name)
        return self._declared[name][1]

    def names(self) -> list[str]:
        """Every declared name, for the conformance test and the dashboards."""
        return sorted(self._declared)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _declare(self, kind: type[M], name: str, help: str, labels: Sequence[str], **options: Any) -> M:
        wanted = (kind, help, tuple(labels), tuple(options.items()))
        if name not in self._declared:
            self._declared[name] = (wanted, kind(name, help, labels, registry=self.registry, **options))
        declared, metric = self._declared[name]
        if declared != wanted or not isinstance(metric, kind):
            raise ValueError(f"the metric {name!r} is declared differently elsewhere")
        return metric


def lag_gauge(metrics: Metrics) -> Gauge:
    """How far whoever reads the bus is behind: the one metric that every service has."""
    return metrics.gauge(
        "keycounty_consumer_lag_seconds", "Age of what waits to be handled, 0 when caught up.", ("consumer",)
    )
