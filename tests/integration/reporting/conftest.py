"""Settings of a reporting service on the real broker and store."""

import hashlib
import socket
from pathlib import Path

import pytest

from services.reporting.settings import ReportingSettings
from shared.settings import Settings
from tests.unit.reporting.registered import ADMIN


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def reporting_settings(topics_exist: Settings, tmp_path: Path) -> ReportingSettings:
    (tmp_path / "session").write_bytes(b"s" * 32)
    own = {
        "session_secret_file": tmp_path / "session",
        "port": free_port(),
        "admin_key_sha256": hashlib.sha256(ADMIN.encode()).hexdigest(),
    }
    return ReportingSettings(**(topics_exist.model_dump(exclude_unset=True) | own))
