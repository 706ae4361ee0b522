"""What every service can be told from outside; services subclass `Settings`. Read through `load` by each `__main__`."""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX = "KEYCOUNTY_"
S = TypeVar("S", bound="Settings")


class _Unreadable:
    """Stands for a secret file that cannot be read, so that it is reported together with every other wrong setting."""

    def __init__(self, path: str, why: str) -> None:
        self.message = f"the file {path} cannot be read: {why}"


def _networks(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.strip().startswith("[") else [part.strip() for part in value.split(",") if part]


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (LookupError, ValueError, OSError) as wrong:
        raise ValueError(f"{value!r} is no time zone") from wrong
    return value


def readable_by(read: Callable[[Path], object]) -> AfterValidator:
    """For a path that `read` must be able to read when the process starts; what it makes of it is dropped."""

    def check(path: Path) -> Path:
        try:
            read(path)
        except (OSError, TypeError, ValueError) as wrong:
            raise ValueError(f"{path} cannot be used: {getattr(wrong, 'strerror', None) or wrong}") from wrong
        return path

    return AfterValidator(check)


def _content(path: Path) -> None:
    if not path.read_bytes().strip():
        raise ValueError("the file is empty")


ReadableFile = Annotated[Path, readable_by(_content)]
Folder = Annotated[Path, readable_by(lambda path: list(path.iterdir()))]


def _with_issuer(value: str | None, info: ValidationInfo) -> str | None:
    found = {name: info.data.get(name) for name in ("oidc_issuer", "oidc_audience")} | {"oidc_jwks_url": value}
    missing = [PREFIX + name.upper() for name, given in found.items() if given is None]
    if 0 < len(missing) < len(found):
        raise ValueError(f"set all three or none; missing: {', '.join(missing)}")
    return value


class Settings(BaseSettings):
    """Settings common to all services, from `KEYCOUNTY_…`, from the file `KEYCOUNTY_ENV_FILE` names, and from secret
    files `KEYCOUNTY_<NAME>_FILE`. The environment wins over files.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    kafka_bootstrap: str = Field(min_length=1)
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: ReadableFile | None = None
    topic_prefix: str = Field("keycounty.", pattern=r"^[A-Za-z0-9._-]*$")
    topic_partitions: int = Field(12, ge=1, le=10_000)
    topic_replication: int = Field(3, ge=1, le=9)
    # May hold a password: kept out of repr, and masked by the log.
    mongo_uri: str = Field(repr=False, pattern=r"^mongodb(\+srv)?://")
    mongo_database_prefix: str = Field("keycounty_", pattern=r"^[A-Za-z0-9_-]*$")
    rulesets_dir: Folder | None = None
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    signing_key_file: Path | None = None
    contact_key_file: Path | None = None
    session_secret_file: Path | None = None
    admin_key_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    # Access tokens count beside API keys when all three are set; see shared/http/oidc.py for their claims.
    oidc_issuer: str | None = Field(None, min_length=1)
    oidc_audience: str | None = Field(None, min_length=1)
    oidc_jwks_url: Annotated[str | None, AfterValidator(_with_issuer)] = Field(
        None, pattern=r"^https?://", validate_default=True
    )
    public_url_intake: str = "http://127.0.0.1:8001"
    public_url_scoring: str = "http://127.0.0.1:8002"
    public_url_notify: str = "http://127.0.0.1:8003"
    public_url_reporting: str = "http://127.0.0.1:8004"
    egress_allow: Annotated[list[IPvAnyNetwork], NoDecode, BeforeValidator(_networks)] = []
    smtp_url: SecretStr | None = None
    requests_per_minute: int = Field(120_000, ge=1)  # per key and replica
    clock_start: AwareDatetime | None = None
    clock_anchor: AwareDatetime | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    otel_exporter_otlp_endpoint: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    instance: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}", min_length=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, the secret files named there, then the file of `KEYCOUNTY_ENV_FILE` likewise."""
        env, dotenv = EnvSettingsSource(settings_cls), _env_file_source(settings_cls)
        files = [SecretFiles(settings_cls, source) for source in (env, dotenv)]
        return init_settings, env, files[0], dotenv, files[1]


def _env_file_source(settings_cls: type[BaseSettings]) -> DotEnvSettingsSource:
    return DotEnvSettingsSource(settings_cls, env_file=os.environ.get(f"{PREFIX}ENV_FILE"), env_file_encoding="utf-8")


class SecretFiles(PydanticBaseSettingsSource):
    """`KEYCOUNTY_<NAME>_FILE` in `source` gives `<name>` the content of that file, without the line end."""

    def __init__(self, settings_cls: type[BaseSettings], source: EnvSettingsSource) -> None:
        super().__init__(settings_cls)
        self._variables = source.env_vars

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """The content of the field's secret file, or None when none is named or the file is itself the setting."""
        path = self._variables.get(f"{PREFIX}{field_name}_FILE".lower())
        if not path or f"{field_name}_file" in self.settings_cls.model_fields:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as wrong:
            why = wrong.strerror if isinstance(wrong, OSError) else "not UTF-8"
            return _Unreadable(path, str(why)), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def load(cls: type[S]) -> S:
    """The settings of this process. Whatever is missing or wrong is printed, all at once and by its environment name,
    and the process ends with 2.
    """
    env_file = os.environ.get(f"{PREFIX}ENV_FILE")
    if env_file and not Path(env_file).is_file():
        _refuse([f"{PREFIX}ENV_FILE: there is no file {env_file}"])
    try:
        return cls()
    except ValidationError as wrong:
        _refuse(problems(wrong))


def _refuse(lines: list[str]) -> NoReturn:
    sys.stderr.write("settings cannot be used:\n" + "".join(f"  {line}\n" for line in lines))
    sys.exit(2)


def problems(wrong: ValidationError) -> list[str]:
    """One line per setting that is missing or wrong, by its environment name; never a value."""
    return [f"{_name(error['loc'])}: {_message(error)}" for error in wrong.errors(include_url=False)]


def _name(location: tuple[int | str, ...]) -> str:
    head = str(location[0]) if location else "?"
    return head if head.startswith(PREFIX) else PREFIX + head.upper()


def _message(error: Any) -> str:
    if error["type"] == "missing":
        return "missing"
    given = error.get("input")
    return given.message if isinstance(given, _Unreadable) else str(error["msg"]).removeprefix("Value error, ")
