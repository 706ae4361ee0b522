"""Settings: where they come from, and that whatever is wrong is named at once and no secret is shown."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.intake.settings import IntakeSettings
from shared.clock import clock
from shared.settings import Settings, load

NEEDED = {"KEYCOUNTY_KAFKA_BOOTSTRAP": "127.0.0.1:9092", "KEYCOUNTY_MONGO_URI": "mongodb://somebody:pa55@127.0.0.1"}
Write = Callable[[str, str], Path]
NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(**more: str) -> None:
        for name, value in (NEEDED | {f"KEYCOUNTY_{name}": value for name, value in more.items()}).items():
            monkeypatch.setenv(name, value)

    return put


def refusal(capsys: pytest.CaptureFixture[str], cls: type[Settings] = Settings) -> str:
    with pytest.raises(SystemExit) as ended:
        load(cls)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_the_environment_with_the_contracts_names_and_defaults(environment: Callable[..., None]) -> None:
    environment(TOPIC_PARTITIONS="6", EGRESS_ALLOW="127.0.0.0/8, ::1/128", PORT="8003")
    found = load(Settings)
    assert (found.topic_partitions, found.topic_prefix, found.topic_replication) == (6, "keycounty.", 3)
    assert found.egress_allow == [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    assert (found.timezone, found.mongo_database_prefix, found.port) == ("Asia/Shanghai", "keycounty_", 8003)


def test_networks_as_json(environment: Callable[..., None]) -> None:
    environment(EGRESS_ALLOW='["10.0.0.0/8"]')
    assert load(Settings).egress_allow == [ip_network("10.0.0.0/8")]


def test_everything_missing_or_wrong_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEYCOUNTY_TOPIC_PARTITIONS", "many")
    monkeypatch.setenv("KEYCOUNTY_TIMEZONE", "Mars/Olympus")
    monkeypatch.setenv("KEYCOUNTY_CLOCK_START", "2023-02-01T08:00:00")
    monkeypatch.setenv("KEYCOUNTY_EGRESS_ALLOW", "[oops")
    told = refusal(capsys)
    assert "KEYCOUNTY_KAFKA_BOOTSTRAP: missing" in told
    assert "KEYCOUNTY_MONGO_URI: missing" in told
    for name in ("TOPIC_PARTITIONS", "TIMEZONE", "CLOCK_START", "EGRESS_ALLOW"):
        assert f"KEYCOUNTY_{name}: " in told


def test_a_wrong_value_is_not_shown(environment: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    environment(MONGO_URI="mango://somebody:pa55@host")
    assert "pa55" not in refusal(capsys)
    with pytest.raises(ValidationError) as wrong:
        Settings()
    assert "pa55" not in str(wrong.value)


def test_no_secret_is_shown_by_print(environment: Callable[..., None]) -> None:
    environment(SMTP_URL="smtp://u:geheim@mail", KAFKA_SASL_PASSWORD="geheim")
    assert "geheim" not in repr(load(Settings))
    assert "pa55" not in repr(load(Settings))


def test_a_secret_from_a_file(environment: Callable[..., None], secret_file: Write) -> None:
    environment(KAFKA_SASL_PASSWORD_FILE=str(secret_file("password", "from the file\n")))
    password = load(Settings).kafka_sasl_password
    assert password is not None
    assert password.get_secret_value() == "from the file"


def test_a_setting_that_is_a_file_keeps_its_path(environment: Callable[..., None], secret_file: Write) -> None:
    path = secret_file("key", "abc")
    environment(SIGNING_KEY_FILE=str(path))
    assert load(Settings).signing_key_file == path


def test_a_secret_file_that_cannot_be_read_is_named(
    environment: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    environment(SMTP_URL_FILE="/nowhere/smtp", PORT="x")
    told = refusal(capsys)
    assert "KEYCOUNTY_SMTP_URL: the file /nowhere/smtp cannot be read: No such file" in told
    assert "KEYCOUNTY_PORT: " in told


def test_the_environment_wins_over_the_env_file(
    environment: Callable[..., None], secret_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = secret_file("password", "deep")
    lines = f"KEYCOUNTY_PORT=1\nKEYCOUNTY_HOST=0.0.0.0\nKEYCOUNTY_KAFKA_SASL_PASSWORD_FILE={secret}\nOTHER=1\n"
    environment(ENV_FILE=str(secret_file("env", lines)), PORT="2")
    found = load(Settings)
    assert (found.port, found.host) == (2, "0.0.0.0")
    assert found.kafka_sasl_password is not None
    assert found.kafka_sasl_password.get_secret_value() == "deep"


def test_an_env_file_that_does_not_exist_is_named(
    environment: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    environment(ENV_FILE="/nowhere/env")
    assert "KEYCOUNTY_ENV_FILE: there is no file /nowhere/env" in refusal(capsys)


def test_a_services_own_setting_is_named_like_the_others(
    environment: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    class Own(Settings):
        sweep_seconds: float

    environment()
    assert "KEYCOUNTY_SWEEP_SECONDS: missing" in refusal(capsys, Own)


def test_two_processes_have_different_instance_names_unless_told(environment: Callable[..., None]) -> None:
    environment()
    assert "instance" not in load(Settings).model_fields_set
    environment(INSTANCE="notify-2")
    found = load(Settings)
    assert (found.instance, "instance" in found.model_fields_set) == ("notify-2", True)


def simulated(**changes: datetime) -> Settings:
    return Settings(kafka_bootstrap="b", mongo_uri="mongodb://x", **changes)


def test_without_a_start_the_clock_is_the_machines() -> None:
    assert clock(simulated(), lambda: NOW)() == NOW


def test_a_simulated_clock_runs_on_from_its_start_at_the_real_pace() -> None:
    machine = [NOW]
    start = datetime(2023, 2, 1, 8, tzinfo=UTC)
    now = clock(simulated(clock_start=start), lambda: machine[0])
    assert now() == start
    machine[0] += timedelta(hours=3)
    assert now() == start + timedelta(hours=3)


def test_an_anchor_makes_every_process_show_the_same_time_over_restarts() -> None:
    start = datetime(2023, 2, 1, 8, tzinfo=UTC)
    later = clock(simulated(clock_start=start, clock_anchor=NOW - timedelta(days=2)), lambda: NOW)
    assert later() == start + timedelta(days=2)


def test_files_that_a_service_cannot_use_are_named_at_its_start(
    environment: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, rubbish, away = tmp_path / "empty", tmp_path / "rubbish", tmp_path / "away"
    empty.touch()
    rubbish.write_text("no key")
    environment(
        SIGNING_KEY_FILE=str(rubbish),
        CONTACT_KEY_FILE=str(rubbish),
        SESSION_SECRET_FILE=str(empty),
        RULESETS_DIR=str(away),
        KAFKA_SSL_CAFILE=str(away),
    )
    told = refusal(capsys, IntakeSettings)
    assert "KEYCOUNTY_SIGNING_KEY_FILE: " in told
    assert "expected Ed25519 private keys" in told
    assert "must hold 32 random bytes in base64" in told
    assert "the file is empty" in told
    assert told.count("No such file or directory") == 2
    assert "KEYCOUNTY_RULESETS_DIR: " in told
    assert "KEYCOUNTY_KAFKA_SSL_CAFILE: " in told
    assert "no key" not in told


@pytest.mark.parametrize(
    "names",
    [
        "KAFKA_BOOTSTRAP KAFKA_SECURITY_PROTOCOL KAFKA_SASL_MECHANISM KAFKA_SASL_USERNAME KAFKA_SASL_PASSWORD",
        "KAFKA_SSL_CAFILE TOPIC_PREFIX TOPIC_PARTITIONS TOPIC_REPLICATION MONGO_URI MONGO_DATABASE_PREFIX RULESETS_DIR",
        "TIMEZONE SIGNING_KEY_FILE CONTACT_KEY_FILE SESSION_SECRET_FILE ADMIN_KEY_SHA256 PUBLIC_URL_INTAKE SMTP_URL",
        "PUBLIC_URL_SCORING PUBLIC_URL_NOTIFY PUBLIC_URL_REPORTING EGRESS_ALLOW CLOCK_START LOG_LEVEL LOG_FORMAT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ],
)
def test_every_name_of_the_contract_is_a_setting(names: str) -> None:
    assert {name.lower() for name in names.split()} <= Settings.model_fields.keys()
