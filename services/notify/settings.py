"""What notify needs besides the common settings: the policy in force, the operators' contacts. Read by `__main__`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.notify.rules.routing import OPERATORS, Contact
from shared import rulesets
from shared.clock import Clock
from shared.rulesets.alert_policy import AlertPolicy
from shared.rulesets.tables import document, rules
from shared.rulesets.working_days import WorkingDays
from shared.secrets import read_key, seal
from shared.settings import ReadableFile, Settings, readable_by


class OperatorContact(BaseModel):
    """A contact of whoever runs this deployment; its target is plain, the settings are the secret place here."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(min_length=1)
    channel: Literal["email", "webhook", "wecom", "dingtalk", "feishu", "apprise"]
    target: SecretStr
    secret: SecretStr | None = None
    locale: Literal["zh-CN", "en"] = "zh-CN"


class NotifySettings(Settings):
    """`operator_contacts` is a JSON list. `receiver_rate` is the most messages a second that one receiver gets from
    this replica's share; the group bots have limits of their own. `sends_at_once` bounds what one replica sends at a
    time (and may repeat when it dies): eight over receivers of 200 ms are 40 messages a second; more come with
    replicas.
    """

    port: int = Field(8003, ge=0, le=65_535)
    contact_key_file: Annotated[Path, readable_by(read_key)]
    session_secret_file: ReadableFile
    alert_policy_file: ReadableFile | None = None
    operator_contacts: tuple[OperatorContact, ...] = ()
    smtp_from: str = "keycounty@localhost"
    receiver_rate: float = Field(20.0, gt=0)
    sends_at_once: int = Field(8, ge=1, le=1000)
    ack_link_hours: float = Field(72.0, gt=0)


def operators(settings: NotifySettings, key: bytes) -> tuple[Contact, ...]:
    """The contacts of the settings, sealed like those of the registry."""
    return tuple(
        Contact(
            OPERATORS,
            found.id,
            found.channel,
            seal(key, found.target.get_secret_value()),
            seal(key, found.secret.get_secret_value()) if found.secret else None,
            found.locale,
        )
        for found in settings.operator_contacts
    )


def alert_policy(settings: NotifySettings, now: Clock) -> Callable[[], AlertPolicy]:
    """The policy in force: the site's file when one is named, else the rule set of the day. Raises `InvalidRules`."""
    if settings.alert_policy_file is not None:
        path = settings.alert_policy_file
        own = rules(path.name, document(path.name, path.read_bytes()), AlertPolicy)
        return lambda: own
    found, zone = rulesets.load(settings.rulesets_dir), ZoneInfo(settings.timezone)
    return lambda: found.at("alert-policy", now().astimezone(zone).date()).of(AlertPolicy)


def working_days(settings: NotifySettings, now: Clock) -> WorkingDays:
    """The calendar at hand. Raises `InvalidRules`."""
    today = now().astimezone(ZoneInfo(settings.timezone)).date()
    return rulesets.load(settings.rulesets_dir).at("working-days", today).of(WorkingDays)
