"""Every check there is, one family a file; each says what it reads, against which limits, and what it found."""

from collections.abc import Mapping

from bot.core.certificates import Certificates
from bot.core.fleet import Service
from bot.digests.checks.backups import BACKUPS
from bot.digests.checks.certificates import certificate_check, file_check
from bot.digests.checks.data import DATA
from bot.digests.checks.growth import GROWTH
from bot.digests.checks.host import HOST
from bot.digests.checks.logs import LOGS
from bot.digests.checks.own import OWN
from bot.digests.checks.payments import PAYMENTS
from bot.digests.checks.provider import PROVIDER
from bot.digests.checks.workers import WORKERS
from bot.digests.declaration import Declaration

CHECKS = (*WORKERS, *PAYMENTS, *LOGS, *PROVIDER, *DATA, *BACKUPS, *HOST, *GROWTH, *OWN)
"""Every check, in the order in which they are read; certificates come to them by the hosts that are configured."""

_BY_NAME = {check.name: check for check in CHECKS}


def checks_of(service: Service, ports: Mapping[type, object]) -> tuple[Declaration, ...]:
    """The checks that `service` has: what is not configured, and given by no one of `ports`, is left out."""
    there = {*service.ports, *ports}
    return (*(check for check in CHECKS if check.reads <= there), *certificates_of(service))


def certificates_of(service: Service) -> tuple[Declaration, ...]:
    """The checks of the hosts that show its customers a certificate, each by itself."""
    if Certificates not in service.ports:
        return ()
    shown = service.port(Certificates)
    return (*map(certificate_check, shown.hosts), *map(file_check, shown.filed))


def check_called(name: str) -> Declaration:
    """The check of that very name; `KeyError` when there is none."""
    return _BY_NAME[name]
