"""From the configuration of a service to its ports: each integration is built on those that it asks for by type.

One that is there by default gives way to one that is configured and provides the same port.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import structlog

from bot.core.command import needs
from bot.core.errors import IntegrationError, NotConfigured
from bot.core.faults import unknown_key
from bot.core.fleet import Fleet, Service
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import EnvFile, Host, Http, Pingable
from bot.core.redact import Redactor
from bot.digests.checks import CHECKS, certificates_of
from bot.sections import ServiceSettings
from bot.settings import Settings, SettingsFault

log = structlog.get_logger(__name__)


@runtime_checkable
class Closable(Protocol):
    """An outside system that keeps a connection open."""

    async def close(self) -> None:
        """Close it; what is asked of the system afterwards opens another."""
        ...


@dataclass(frozen=True, slots=True)
class Systems:
    """Every service, and every outside system of theirs by its place in the configuration."""

    fleet: Fleet
    pingable: Mapping[str, Pingable]

    async def close(self) -> None:
        """Close the connections that are kept open."""
        for system in self.pingable.values():
            if isinstance(system, Closable):
                await system.close()


def build_services(settings: Settings, *, known: Mapping[str, Integration], http: Http, data: Path) -> Systems:
    """Build all that is configured; `SettingsFault` when an integration needs one that is not."""
    services: list[Service] = []
    pingable: dict[str, Pingable] = {}
    for name, section in settings.services.items():
        built, ports = _build(name, section, known=known, given={Http: http, Path: data})
        pingable |= {f"services.{name}.{part}": cast("Pingable", system) for part, system in built.items()}
        service = Service(
            name=name,
            environment=section.environment,
            host=cast("Host", ports[Host]).name,
            ports=ports,
            maintenance_key=section.maintenance_key,
            log_level_key=section.log_level_key,
            limits=section.limits,
        )
        _only_checks(service, section.watches.off)
        services.append(service)
    return Systems(Fleet(tuple(services)), pingable)


def _only_checks(service: Service, names: Sequence[str]) -> None:
    """A name that is misspelt would leave on what somebody wanted off."""
    known = dict.fromkeys(check.name for check in (*CHECKS, *certificates_of(service)))
    if faults := [f"{name} {unknown_key(name, tuple(known))}" for name in names if name not in known]:
        raise SettingsFault("\n".join(f"services.{service.name}.watches.off: {fault}" for fault in faults))


def _build(
    service: str, section: ServiceSettings, *, known: Mapping[str, Integration], given: Mapping[type, object]
) -> tuple[dict[str, object], dict[type, object]]:
    """Systems by the key that configures them, and the ports that they provide."""
    parts = section.parts()
    _one_for_each_port(service, parts, known=known)
    taken = {kind for name in parts for kind in known[name].provides}
    waiting = {
        name: parts.get(name) or each.config()
        for name, each in known.items()
        if name in parts or (each.always and not taken & set(each.provides))
    }
    built: dict[str, object] = {}
    ports = dict(given)
    while waiting:
        ready = [name for name in waiting if set(needs(known[name].build).values()) <= set(ports)]
        if not ready:
            _drop_defaults(service, waiting, configured=parts, known=known, ports=ports)
            return built, ports
        for name in ready:
            config = waiting.pop(name)
            wanted = {parameter: ports[kind] for parameter, kind in needs(known[name].build).items()}
            try:
                built[name] = known[name].build(config, **wanted)
            except NotConfigured as error:
                raise SettingsFault(f"services.{service}.{name}: {error}", hint=error.hint) from error
            provided = dict.fromkeys(known[name].provides, built[name])
            # What is there by default steps back where a configured system knows better, as Docker does of its logs.
            ports = {**ports, **provided} if name in parts else {**provided, **ports}
    return built, ports


def _one_for_each_port(
    service: str, configured: Mapping[str, IntegrationConfig], *, known: Mapping[str, Integration]
) -> None:
    """A port that two of them provide would be a matter of luck."""
    first: dict[type, str] = {}
    faults = []
    for name in configured:
        if others := [first[kind] for kind in known[name].provides if kind in first]:
            faults.append(f"services.{service}.{name} stands for the same as services.{service}.{others[0]}: keep one")
        first |= dict.fromkeys(known[name].provides, name)
    if faults:
        raise SettingsFault("\n".join(faults))


def _drop_defaults(
    service: str,
    waiting: Mapping[str, IntegrationConfig],
    *,
    configured: Mapping[str, IntegrationConfig],
    known: Mapping[str, Integration],
    ports: Mapping[type, object],
) -> None:
    """What is only there by default may go without what it needs; what was configured may not."""
    faults = []
    for name in waiting:
        missing = [kind for kind in needs(known[name].build).values() if kind not in ports]
        makers = [key for key, each in known.items() if set(each.provides) & set(missing)]
        if name in configured:
            faults.append(f"services.{service}.{name} needs services.{service}.{' and '.join(makers)}")
    if faults:
        raise SettingsFault("\n".join(faults))


async def secrets_of(fleet: Fleet) -> tuple[str, ...]:
    """Every secret value in the environment files of the services; raises what a file that cannot be read raises."""
    values: list[str] = []
    for service in fleet.services:
        if EnvFile in service.ports:
            values += await service.port(EnvFile).secrets()
    return tuple(values)


async def learn(redactor: Redactor, fleet: Fleet) -> None:
    """Have the secrets of the services taken out of everything from now on."""
    try:
        redactor.learn(await secrets_of(fleet))
    except IntegrationError as error:
        log.warning("secrets of a service are not known, and so not taken out by value", reason=str(error))
