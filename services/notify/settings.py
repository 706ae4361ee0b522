"""What notify needs besides the common settings."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from shared.settings import Settings


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
    this replica's share; the group bots have limits of their own.
    """

    port: int = Field(8003, ge=0, le=65_535)
    contact_key_file: Path
    session_secret_file: Path
    alert_policy_file: Path | None = None
    operator_contacts: tuple[OperatorContact, ...] = ()
    smtp_from: str = "keycounty@localhost"
    receiver_rate: float = Field(20.0, gt=0)
    sends_at_once: int = Field(64, ge=1, le=1000)
    ack_link_hours: float = Field(72.0, gt=0)
