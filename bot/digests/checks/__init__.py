"""Every check there is, one family a file; each says what it reads, against which limits, and what it found."""

from collections.abc import Mapping

from bot.core.certificates import Certificates
from bot.core.fleet import Service
from bot.digests.checks.backups import BACKUPS
from bot.digests.checks.certificates import certificate_check
from bot.digests.checks.host import HOST
from bot.digests.checks.logs import LOGS
from bot.digests.checks.payments import PAYMENTS
from bot.digests.checks.workers import WORKERS
from bot.digests.declaration import Declaration

CHECKS = (*WORKERS, *PAYMENTS, *LOGS, *BACKUPS, *HOST)
"""Every check, in the order in which they are read; certificates come to them by the hosts that are configured."""


def checks_of(service: Service, ports: Mapping[type, object]) -> tuple[Declaration, ...]:
    """The checks that `service` has: what is not configured, and given by no one of `ports`, is left out."""
    there = {*service.ports, *ports}
    hosts = service.port(Certificates).hosts if Certificates in there else ()
    return (*(check for check in CHECKS if check.reads <= there), *map(certificate_check, hosts))
