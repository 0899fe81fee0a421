"""The parts of the configuration, each with what it takes and what a fault in it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    SecretStr,
    StringConstraints,
    model_validator,
)

from bot.automation.policy import Policy
from bot.automation.rules import rules
from bot.core.duration import Duration
from bot.core.errors import UsageError
from bot.core.faults import unknown_key
from bot.core.integration import IntegrationConfig
from bot.core.people import Role
from bot.core.schedules import Template
from bot.digests.cron import parse_when
from bot.digests.holidays import Holidays
from bot.digests.limits import LIMITS
from bot.digests.pulse import Patience
from bot.digests.schedules import Schedule, parse_quiet

_SHORTEST_SECRET = 16


def _long(secret: SecretStr) -> SecretStr:
    if 0 < len(secret.get_secret_value()) < _SHORTEST_SECRET:
        raise ValueError(f"is too short to keep strangers out: {_SHORTEST_SECRET} characters at least")
    return secret


def _zone(name: str) -> str:
    if name not in available_timezones():
        near = get_close_matches(name, available_timezones(), 1)
        raise ValueError(f"is no time zone{f'; did you mean {near[0]}?' if near else ', write it like Europe/Berlin'}")
    return name


def _role(value: object) -> object:
    words = {role.word: role for role in Role}
    if isinstance(value, str) and value not in words:
        raise ValueError(f"is no role; there are {', '.join(words)}")
    return words[value] if isinstance(value, str) else value


def _read_by(reader: Callable[[str], object]) -> Callable[[str], str]:
    """A validator that leaves a text as it is, when `reader` can read it."""

    def validate(text: str) -> str:
        try:
            reader(text)
        except UsageError as error:
            raise ValueError(f"{error} {error.hint}".strip()) from error
        return text

    return validate


def _limit(name: str) -> str:
    if name not in LIMITS:
        raise ValueError(unknown_key(name, tuple(LIMITS)))
    return name


class Section(BaseModel):
    """Base of every part: a key that is not declared is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ChannelId = Annotated[str, StringConstraints(pattern=r"^[CG][A-Z0-9]{2,20}$")]
HookSecret = Annotated[SecretStr, AfterValidator(_long)]
LimitName = Annotated[str, AfterValidator(_limit)]
When = Annotated[str, AfterValidator(_read_by(parse_when))]
Quiet = Annotated[str, AfterValidator(_read_by(parse_quiet))]
Zone = Annotated[str, AfterValidator(_zone)]
RoleName = Annotated[
    Role, BeforeValidator(_role, json_schema_input_type=Literal["nobody", "viewer", "responder", "commander", "admin"])
]


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


class AutomationSettings(Section):
    """What the bot may do by itself about what a watch finds; docs/automation.md tells what each automation does."""

    allow: tuple[str, ...] = Field((), description="Automations that act by themselves; the others only propose.")
    budget: int = Field(6, ge=1, le=100, description="Acts in 24 hours, of all of them together.")

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = [rule.name for rule in rules()]
        if wrong := [name for name in self.allow if name not in names]:
            raise ValueError(f"allow names {wrong[0]}; there are {', '.join(names)}")
        return self

    def policy(self, service: str, watches: WatchSettings) -> Policy:
        """The same, for the service whose watches these are."""
        settings = {rule.name: getattr(self, rule.name, rule.settings()) for rule in rules()}
        patience = Patience(watches.bad, watches.of, watches.good)
        return Policy(service, watches.channel, settings, frozenset(self.allow), self.budget, patience)


class SlackSettings(Section):
    """How the bot reaches Slack. The three secrets come from the environment or from secrets files."""

    api_url: str = Field("https://slack.com/api/", description="Base of the Web API; another one for an emulator.")
    transport: Literal["socket", "http"] = Field("socket", description="Socket Mode, or signed HTTP at /slack/events.")
    command: str = Field("ops", pattern=r"^[a-z][a-z0-9-]{0,15}$", description="Root, and prefix of direct commands.")
    incident_command: str = Field(
        "incident", pattern=r"^[a-z][a-z0-9-]{0,30}$", description="Root of the incident family."
    )
    bot_token: SecretStr = Field(SecretStr(""), description="xoxb-..., from OPSBOT_SLACK__BOT_TOKEN.")
    app_token: SecretStr = Field(SecretStr(""), description="xapp-... for Socket Mode, from OPSBOT_SLACK__APP_TOKEN.")
    signing_secret: SecretStr = Field(SecretStr(""), description="For signed HTTP, from OPSBOT_SLACK__SIGNING_SECRET.")


class WebSettings(Section):
    """Where the bot itself answers HTTP: Slack's requests, health, readiness, metrics."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")


class PeopleSettings(Section):
    """Who may do what, by Slack user and by Slack user group; the higher role counts."""

    default_role: RoleName = Field(
        "nobody", validate_default=True, description="Role of every other full member of the workspace."
    )
    users: Mapping[str, RoleName] = Field({}, description="Slack user id to role.")
    groups: Mapping[str, RoleName] = Field({}, description="Slack user group id to role.")
    two_people: tuple[str, ...] = Field(
        (), description="Commands that break-glass never runs: they take a second person, also at night."
    )


class ShellSettings(Section):
    """Who may type commands in the host's own shell (`opsbot do`), for when Slack is away."""

    users: Mapping[str, str] = Field({}, description="User of the operating system to Slack user id.")
    channel: str = Field("", description="Channel id that is told what was done there, once Slack is back.")


class ContactSettings(Section):
    """One line of the emergency contacts."""

    role: str = Field(description="What the contact is for, for instance Primary On-Call.")
    contact: str = Field(description="An address, a number, or a Slack user id.")
    when: str = Field("", description="When to turn to it.")


class OnCallSettings(Section):
    """Who is on call: a weekly rota, or a user group that another tool keeps."""

    rota: tuple[Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{2,20}$")], ...] = Field(
        (), description="Slack user ids in the order in which they take over, a week each."
    )
    since: NaiveDatetime | None = Field(
        None, description="When the first of them took over, such as 2026-01-05T09:00: the hand-over of every week."
    )
    zone: Zone = Field("UTC", description="Time zone of `since`.")
    group: str = Field("", pattern="^(S[A-Z0-9]{2,20})?$", description="A Slack user group id in place of the rota.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.group and self.rota:
            raise ValueError("has a rota and a group: one of them counts, so leave the other one out")
        if bool(self.rota) is not bool(self.since):
            raise ValueError("needs both rota and since, which is when the first of the rota took over")
        return self


class HolidaySettings(Section):
    """Days on which digests rest that say `holidays: skip`."""

    country: str = Field("", description="Code of a country, such as DE, whose public holidays count.")
    region: str = Field("", description="Code of a part of it, such as BE, whose own holidays count too.")
    dates: Mapping[date, str] = Field({}, description="Further days with their names: `2026-12-24: Christmas Eve`.")

    @model_validator(mode="after")
    def _known(self) -> Self:
        try:
            self.holidays()
        except UsageError as error:
            raise ValueError(f"{error} {error.hint}") from error
        return self

    def holidays(self) -> Holidays:
        """The same, to be asked for a day."""
        return Holidays(self.country, self.region, self.dates)


class ScheduleSettings(Section):
    """A digest that is posted at set times."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}$", description="A name of its own.")
    channel: str = Field(description="Channel id that receives it.")
    service: str = Field("", description="Service that it tells of; needed only where there are several.")
    when: When = Field(description="Five cron fields, or words like `weekdays 09:00`.")
    zone: Zone = Field("UTC", description="Time zone of `when`.")
    grace: Duration = Field("6h", validate_default=True, description="How late a missed one is still posted.")
    template: Template = Field(Template.DAILY, description="What it is about.")
    holidays: Literal["post", "skip"] = Field("post", description="Whether it is posted on `holidays` too.")
    quiet: Quiet = Field("", description="Hours of `zone` in which nothing is posted, such as `22:00-07:00`.")

    def schedule(self) -> Schedule:
        """The same, parsed."""
        return Schedule(
            name=self.name,
            channel=self.channel,
            service=self.service,
            when=self.when,
            zone=self.zone,
            grace=self.grace,
            template=self.template,
            skips_holidays=self.holidays == "skip",
            quiet=self.quiet,
        )


class ServiceSettings(Section):
    """A service in one environment; each further key configures the integration of that name."""

    environment: str = Field("production", description="Shown on every plan and confirmation.")
    maintenance_key: str = Field(
        "ENABLE_MAINTENANCE_MODE",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Key of the env file that keeps customers out.",
    )
    log_level_key: str = Field(
        "LOG_LEVEL", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Key of the env file with the log level."
    )
    watches: WatchSettings = Field(WatchSettings(), description="What is watched all the time.")
    automation: AutomationSettings = Field(AutomationSettings(), description="What is done by itself.")
    limits: Mapping[LimitName, float] = Field({}, description="Thresholds of checks by name, as below.")

    @model_validator(mode="after")
    def _sees(self) -> Self:
        if self.automation.allow and not self.watches.channel:
            raise ValueError("allows automation and watches nothing: set watches.channel")
        return self

    def parts(self) -> Mapping[str, IntegrationConfig]:
        """The integrations that are configured, by name."""
        return {name: part for name, part in self if isinstance(part, IntegrationConfig)}
