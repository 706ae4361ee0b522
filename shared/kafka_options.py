"""How this deployment's brokers are reached, and what their errors mean to us. For kafka_bus, topics and scoring."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.helpers import create_ssl_context

from shared.errors import Rejected, Unavailable
from shared.settings import Settings

# The largest record: 768 KiB of submission or registry object with its envelope.
RECORD_LIMIT = 1024 * 1024


def connection(settings: Settings) -> dict[str, Any]:
    """Arguments that every aiokafka client takes: addresses, TLS and SASL."""
    return {
        "bootstrap_servers": settings.kafka_bootstrap,
        "client_id": f"keycounty-{settings.instance}",
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": _ssl_context(settings),
        "retry_backoff_ms": 100,
        "metadata_max_age_ms": 60_000,
        **_sasl(settings),
    }


def _sasl(settings: Settings) -> dict[str, str]:
    if not settings.kafka_security_protocol.startswith("SASL"):
        return {}
    if settings.kafka_sasl_username is None or settings.kafka_sasl_password is None:
        raise ValueError("KEYCOUNTY_KAFKA_SASL_USERNAME and KEYCOUNTY_KAFKA_SASL_PASSWORD are needed for SASL")
    return {
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
    }


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    context: ssl.SSLContext = create_ssl_context(
        cafile=str(settings.kafka_ssl_cafile) if settings.kafka_ssl_cafile else None
    )
    return context


@asynccontextmanager
async def translated() -> AsyncGenerator[None]:
    """Errors of the Kafka client as ours: a record over the limit is `Rejected("too_large")`, the rest may pass."""
    try:
        yield
    except MessageSizeTooLargeError as wrong:
        raise Rejected("too_large", str(wrong)) from wrong
    except (KafkaError, OSError) as wrong:
        raise Unavailable("broker", f"{type(wrong).__name__}: {wrong}") from wrong
