"""Parts of the configuration that are about other systems which send to the bot, or get from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from bot.core.duration import Duration

_SHORTEST_SECRET = 16


def _long(secret: SecretStr) -> SecretStr:
    if 0 < len(secret.get_secret_value()) < _SHORTEST_SECRET:
        raise ValueError(f"is too short to keep strangers out: {_SHORTEST_SECRET} characters at least")
    return secret


class Section(BaseModel):
    """Base of every part: a key that is not declared is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ChannelId = Annotated[str, StringConstraints(pattern=r"^[CG][A-Z0-9]{2,20}$")]
HookSecret = Annotated[SecretStr, AfterValidator(_long)]


class AlertSettings(Section):
    """Alerts that other systems send to `/webhooks/...`. A source whose secret is not set is not listened to."""

    channel: ChannelId | Literal[""] = Field("", description="Channel id that receives them.")
    routes: Mapping[Annotated[str, StringConstraints(pattern="^[^=]+=.+$")], ChannelId] = Field(
        {}, description="Other channels by `label=value`; the first that fits an alert counts."
    )
    group_by: tuple[str, ...] = Field(
        (), description="Labels that make a group, which is one message; empty leaves it to the source."
    )
    alertmanager_token: HookSecret = Field(SecretStr(""), description="Bearer token of Alertmanager.")
    grafana_token: HookSecret = Field(SecretStr(""), description="Bearer token of Grafana.")
    jira_token: HookSecret = Field(SecretStr(""), description="Bearer token of Jira Service Management.")
    pagerduty_secret: HookSecret = Field(SecretStr(""), description="Signing secret of the PagerDuty subscription.")
    generic_secret: HookSecret = Field(SecretStr(""), description="Secret of everything else: signing, or as a token.")

    def secrets(self) -> dict[str, str]:
        """The secrets that are set, by source."""
        named = {name.rpartition("_")[0]: each for name, each in self if isinstance(each, SecretStr)}
        return {source: each.get_secret_value() for source, each in named.items() if each.get_secret_value()}

    @model_validator(mode="after")
    def _has_a_channel(self) -> Self:
        if self.secrets() and not self.channel:
            raise ValueError("has secrets and no channel: name the one that receives alerts")
        return self


class IncidentWebhookSettings(Section):
    """Another system that is told what is done to incidents; docs/alerts.md says what it gets."""

    url: str = Field("", pattern="^(https?://.+)?$", description="Address that gets each event by POST.")
    secret: HookSecret = Field(SecretStr(""), description="Signs each event; from incident_webhook__secret.")
    private: bool = Field(default=False, description="Whether it is told of private incidents too.")

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.url and not self.secret.get_secret_value():
            raise ValueError("has no secret, so that nobody could tell our events from a stranger's")
        return self


class DeadManSettings(Section):
    """A watcher outside that misses the bot when it is silent."""

    url: SecretStr = Field(SecretStr(""), description="Address that is asked by GET; from the file dead_man__url.")
    every: Duration = Field("60s", validate_default=True, description="How often, while all is well.")


class WatchSettings(Section):
    """Checks that are looked at all the time; a problem is one message, with what helps as buttons."""

    channel: ChannelId | Literal[""] = Field("", description="Channel id that is told; unset watches nothing.")
    every: Duration | None = Field(None, description="The longest time between two looks; each check has its own.")
    off: tuple[str, ...] = Field((), description="Names of checks that are not watched, as `checks` shows them.")
    bad: int = Field(3, ge=2, le=20, description="Looks of the last `of` that must fail to make a problem.")
    of: int = Field(4, ge=2, le=20, description="Looks that are counted.")
    good: int = Field(2, ge=1, le=20, description="Looks in a row that must be well to end it.")

    @model_validator(mode="after")
    def _can_happen(self) -> Self:
        if self.bad > self.of:
            raise ValueError(f"asks for {self.bad} bad looks of the last {self.of}, which never happens")
        return self
