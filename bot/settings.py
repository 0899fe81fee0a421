"""What the operator configures: `opsbot.yaml` < environment (`OPSBOT_A__B`) < secrets files.

All faults are told at once, each with its place. A service's section has one key for each integration that the scan of
`integrations/` finds.
"""

from __future__ import annotations

import collections.abc
import importlib
import os
import pkgutil
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    create_model,
)
from pydantic import ValidationError as _ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.alerts.rules import AlertRules
from bot.automation.policy import Policy
from bot.automation.rules import rules
from bot.core.errors import OpsbotError
from bot.core.faults import Fault, faults, models, unknown_key
from bot.core.integration import Integration
from bot.digests.pulse import Patience
from bot.digests.watches import WatchPlan
from bot.incidents.configured import IncidentSettings
from bot.sections import (
    AlertSettings,
    AutomationSettings,
    ContactSettings,
    DeadManSettings,
    HolidaySettings,
    IncidentWebhookSettings,
    OnCallSettings,
    PeopleSettings,
    ScheduleSettings,
    ServiceSettings,
    ShellSettings,
    SlackSettings,
    WebSettings,
    Zone,
)

SECRETS_DIR = "OPSBOT_SECRETS_DIR"
"""Names the folder of secrets files, one a secret, such as `slack__bot_token`."""

_NO_SETTINGS = {SECRETS_DIR, "OPSBOT_TOOLS"}


class SettingsFault(OpsbotError):
    """The configuration cannot be used; the message has one line for each fault, with its place."""


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="OPSBOT_", env_nested_delimiter="__", extra="forbid", frozen=True, secrets_dir_missing="ok"
    )

    data_dir: Path = Field(Path(".opsbot"), description="Folder of the embedded database, keys and locks.")
    database_url: SecretStr = Field(
        SecretStr(""), description="Postgres 14 or newer, from OPSBOT_DATABASE_URL; unset starts an embedded one."
    )
    templates: Path | None = Field(None, description="Folder of your own templates, which win over the bot's.")
    zone: Zone = Field("UTC", description="Time zone of documents, which have no reader to ask.")
    slack: SlackSettings = Field(SlackSettings(), description="How the bot reaches Slack.")
    web: WebSettings = Field(WebSettings(), description="Where the bot answers HTTP.")
    people: PeopleSettings = Field(PeopleSettings(), description="Who may do what.")
    shell: ShellSettings = Field(ShellSettings(), description="Commands in the host's own shell.")
    contacts: tuple[ContactSettings, ...] = Field((), description="Emergency contacts.")
    on_call: OnCallSettings = Field(OnCallSettings(), description="Who is on call.")
    incidents: IncidentSettings = Field(IncidentSettings(), description="What holds for every incident.")
    alerts: AlertSettings = Field(AlertSettings(), description="Alerts that other systems send.")
    incident_webhook: IncidentWebhookSettings = Field(
        IncidentWebhookSettings(), description="Another system that is told of incidents."
    )
    dead_man: DeadManSettings = Field(DeadManSettings(), description="A watcher that misses the bot.")
    services: Mapping[str, ServiceSettings] = Field({}, description="The services by name.")
    holidays: HolidaySettings = Field(HolidaySettings(), description="Days on which digests may rest.")
    schedules: tuple[ScheduleSettings, ...] = Field((), description="Digests.")

    def watch_plans(self) -> tuple[WatchPlan, ...]:
        """What is watched, a plan for each service that has a channel for it."""
        return tuple(
            WatchPlan(name, each.channel, each.every, frozenset(each.off), Patience(each.bad, each.of, each.good))
            for name, each in ((name, section.watches) for name, section in self.services.items())
            if each.channel
        )

    def alert_rules(self) -> AlertRules:
        """Where alerts go: those of other systems, and those of the bot's own watches."""
        watches = {plan.service: plan.channel for plan in self.watch_plans()}
        return AlertRules(self.alerts.channel, self.alerts.routes, self.alerts.group_by, watches)

    def policies(self) -> tuple[Policy, ...]:
        """What is done by itself, for each service that is watched."""
        watched = ((name, section) for name, section in self.services.items() if section.watches.channel)
        return tuple(section.automation.policy(name, section.watches) for name, section in watched)

    def secrets(self) -> dict[str, str]:
        """The secrets of the configuration by name, as far as they are set."""
        named = {name: getattr(self.slack, name) for name in ("bot_token", "app_token", "signing_secret")}
        named["database_url"] = self.database_url
        named |= {"incident_webhook.secret": self.incident_webhook.secret, "dead_man.url": self.dead_man.url}
        named |= {f"alerts.{source}": SecretStr(value) for source, value in self.alerts.secrets().items()}
        for service, section in self.services.items():
            for part, config in section.parts().items():
                for key, value in config:
                    named |= {f"{service}.{part}.{key}{below}": each for below, each in _secrets_of(value)}
        return {name: value.get_secret_value() for name, value in named.items() if value.get_secret_value()}


def _secrets_of(value: object) -> list[tuple[str, SecretStr]]:
    """The secret that a value is, or the ones that it holds by name."""
    if isinstance(value, SecretStr):
        return [("", value)]
    named = value.items() if isinstance(value, collections.abc.Mapping) else ()
    return [(f".{name}", each) for name, each in named if isinstance(each, SecretStr)]


def integrations() -> dict[str, Integration]:
    """Every integration that `integrations/` has, by the key that configures it."""
    package = importlib.import_module("integrations")
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(f"integrations.{name}") for name in names]
    return {module.INTEGRATION.name: module.INTEGRATION for module in modules if hasattr(module, "INTEGRATION")}


def model(known: Mapping[str, Integration]) -> type[Settings]:
    """`Settings` whose services have a key for each integration."""
    parts: dict[str, Any] = {
        name: (each.config | None, Field(None, description=(each.config.__doc__ or "").split("\n")[0]))
        for name, each in known.items()
    }
    own: dict[str, Any] = {
        rule.name: (rule.settings, Field(rule.settings(), description=rule.summary)) for rule in rules()
    }
    automation: Any = create_model(
        "AutomationSettings", __base__=AutomationSettings, __doc__=AutomationSettings.__doc__, **own
    )
    parts["automation"] = (automation, Field(automation(), description="What is done by itself."))
    service: Any = create_model("ServiceSettings", __base__=ServiceSettings, __doc__=ServiceSettings.__doc__, **parts)
    services: Any = (Mapping[str, service], Settings.model_fields["services"])
    return create_model("Settings", __base__=Settings, __doc__=Settings.__doc__, services=services)


def load(file: Path | None, *, known: Mapping[str, Integration], secrets: Path | None = None) -> Settings:
    """Settings of `file`, the environment and the folder `secrets`; `SettingsFault` tells everything that is wrong."""
    written, lines, wrong = _read(file) if file else ({}, {}, [])

    sources = partial(_sources, written=written, secrets=secrets)
    kind = type("Settings", (model(known),), {"settings_customise_sources": staticmethod(sources)})
    settings: Settings | None = None
    found = wrong + _secrets_in(written, kind) + _mistyped(os.environ)
    try:
        settings = kind()
    except _ValidationError as error:
        found += faults(error, kind)
    found += _references(*(_named(settings) if settings else _named_in(written)))
    if settings is None or found:
        raise SettingsFault("\n".join(_told(fault, file, lines) for fault in dict.fromkeys(found)))
    return settings


def _sources(
    of: type[BaseSettings],
    *_: PydanticBaseSettingsSource,
    written: dict[str, Any],
    secrets: Path | None,
    **by_name: PydanticBaseSettingsSource,
) -> tuple[PydanticBaseSettingsSource, ...]:
    """Secrets files win over the environment, and that over the file."""
    files = NestedSecretsSettingsSource(
        by_name["file_secret_settings"], secrets_dir=secrets, secrets_prefix="", secrets_nested_delimiter="__"
    )
    return files, EnvSettingsSource(of), InitSettingsSource(of, init_kwargs=written)


def _named(settings: Settings) -> tuple[Collection[str], list[tuple[object, object]]]:
    return settings.services, [(each.name, each.service) for each in settings.schedules]


def _named_in(written: Mapping[str, Any]) -> tuple[Collection[str], list[tuple[object, object]]]:
    """The same of a file that has other faults, as far as it has a form."""
    services, schedules = written.get("services"), written.get("schedules")
    rows = [each for each in schedules if isinstance(each, dict)] if isinstance(schedules, list) else []
    return services if isinstance(services, dict) else {}, [
        (each.get("name"), each.get("service", "")) for each in rows
    ]


def _references(services: Collection[str], schedules: Sequence[tuple[object, object]]) -> list[Fault]:
    """Faults between the parts: schedules, each by name and service, of one name or of a service that is not there."""
    found: list[Fault] = []
    there = ", ".join(services) or "none yet"
    names = [name for name, _ in schedules]
    for index, (name, service) in enumerate(schedules):
        if service not in services and (service or len(services) != 1):
            found.append(Fault(("schedules", index, "service"), f"names no service; there are: {there}"))
        if name in names[:index]:
            found.append(Fault(("schedules", index, "name"), "is the name of another schedule"))
    return found


def _read(file: Path) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int], list[Fault]]:
    """What the file says, the line of each of its keys, and what is wrong with its form."""
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        written = yaml.safe_load(text) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsFault(f"{file} cannot be read: {error}.", hint="Name another file with --config.") from error
    except yaml.YAMLError as error:
        raise SettingsFault(f"{file} is no YAML: {error}") from error
    if not isinstance(written, dict):
        raise SettingsFault(f"{file} has to be a mapping of keys, such as `services:`.")
    lines: dict[tuple[str | int, ...], int] = {}
    wrong: list[Fault] = []
    if root is not None:
        _note_lines(root, (), lines, wrong)
    return {str(key): value for key, value in written.items()}, lines, wrong


def _note_lines(
    node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], wrong: list[Fault]
) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            if below in lines:
                wrong.append(Fault(below, f"stands twice, first on line {lines[below]}"))
            lines[below] = key.start_mark.line + 1
            _note_lines(value, below, lines, wrong)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _note_lines(value, (*path, index), lines, wrong)


def _mistyped(environment: Mapping[str, str]) -> list[Fault]:
    """Variables that look like settings and are none: without a word they would have no effect."""
    known = [f"OPSBOT_{name.upper()}" for name in Settings.model_fields]
    return [
        Fault((name,), unknown_key(name, known))
        for name in environment
        if name.startswith("OPSBOT_") and name not in _NO_SETTINGS and name.upper().split("__")[0] not in known
    ]


def _secrets_in(written: object, of: type[BaseModel], path: tuple[str | int, ...] = ()) -> list[Fault]:
    """Secrets that stand in the file, where everybody who may read the file reads them."""
    found: list[Fault] = []
    for name, field in of.model_fields.items():
        value = written.get(name) if isinstance(written, dict) else None
        if value is not None and SecretStr in (field.annotation, *get_args(field.annotation)):
            variable = "OPSBOT_" + "__".join(str(part) for part in (*path, name)).upper()
            message = f"is a secret and must not stand in the file; set {variable} or a secrets file"
            found.append(Fault((*path, name), message))
        for below in models(field.annotation):
            if get_origin(field.annotation) is collections.abc.Mapping and isinstance(value, dict):
                for key, each in value.items():
                    found += _secrets_in(each, below, (*path, name, key))
            else:
                found += _secrets_in(value, below, (*path, name))
    return found


def _told(fault: Fault, file: Path | None, lines: Mapping[tuple[str | int, ...], int]) -> str:
    """The fault with its file and line where it stands in the file, the innermost known part of its place else."""
    path = fault.path
    while path and path not in lines:
        path = path[:-1]
    where = f"{file}:{lines[path]}: " if path else ""
    return f"{where}{fault.place} {fault.message}"
