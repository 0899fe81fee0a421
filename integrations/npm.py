"""The packages of a Node service, as npm's registry knows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from bot.core.dependencies import Dependencies, Weakness
from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host
from bot.core.run_as import Account

_WITHIN = timedelta(seconds=60)
_ORDER = ("critical", "high", "moderate", "low", "info")


class Config(IntegrationConfig):
    """Where the service's `package-lock.json` is."""

    folder: str = Field(title="Folder", pattern="^/", description="Folder of the lock file; a link to it will do.")
    path: str = Field("", title="Path", description="PATH on which node and npm are; empty for the host's own.")
    home: str = Field("", title="Home", description="HOME with the .npmrc to use; empty for that of the bot.")
    run_as: str = Field(
        "",
        title="Run as",
        pattern=r"^([a-z_][a-z0-9_-]*)?$",
        description="User who may read the folder, reached by `sudo -n`; empty when the bot is that user.",
    )


class _Advisory(BaseModel):
    title: str


class _Fix(BaseModel):
    name: str
    version: str
    isSemVerMajor: bool = False  # noqa: N815 - npm's own name


class _Package(BaseModel):
    name: str
    severity: Literal["critical", "high", "moderate", "low", "info"]
    isDirect: bool  # noqa: N815 - npm's own name
    via: tuple[_Advisory | str, ...]
    range: str
    fixAvailable: _Fix | bool  # noqa: N815 - npm's own name


class _Report(BaseModel):
    """https://docs.npmjs.com/cli/commands/npm-audit, report version 2."""

    auditReportVersion: Literal[2]  # noqa: N815 - npm's own name
    vulnerabilities: Mapping[str, _Package]


class Npm:
    """Asks `npm audit`, which ends with 1 for findings and for a registry that did not answer alike."""

    def __init__(self, config: Config, *, host: Host) -> None:
        env = {name: value for name, value in (("PATH", config.path), ("HOME", config.home)) if value}
        self._config = config
        self._account = Account(host, config.run_as, env)

    async def weaknesses(self) -> tuple[Weakness, ...]:
        """See `Dependencies`."""
        argv = ("npm", "audit", "--json", "--omit=dev")
        done = await self._account.run(argv, within=_WITHIN, cwd=self._config.folder)
        try:
            report = _Report.model_validate_json(done.out)
        except ValidationError as error:
            said = [line for line in (done.err or done.out).splitlines() if line.strip()]
            raise IntegrationError(
                f"npm audit gave no report and ended with {done.code}: {said[0][:300] if said else 'it said nothing'}",
                hint="Nothing is known of the packages: this is no clean bill.",
            ) from error
        found = sorted(report.vulnerabilities.values(), key=lambda each: (_ORDER.index(each.severity), each.name))
        return tuple(_weakness(each) for each in found)

    async def ping(self) -> str:
        """That there is a lock file."""
        if (await self._account.run(("test", "-r", f"{self._config.folder}/package-lock.json"))).code:
            raise IntegrationError(f"{self._config.folder} has no package-lock.json that can be read.")
        return f"{self._config.folder} has a package-lock.json"


def _weakness(package: _Package) -> Weakness:
    titles = tuple(via.title if isinstance(via, _Advisory) else f"by {via}" for via in package.via)
    match package.fixAvailable:
        case _Fix(name=name, version=version, isSemVerMajor=major):
            mended_by = f"{name} {version}{', another major version' if major else ''}"
        case True:
            mended_by = "an update within the declared range"
        case _:
            mended_by = "nothing yet"
    return Weakness(package.name, package.severity, package.range, titles, package.isDirect, mended_by)


INTEGRATION = Integration("npm", Config, Npm, provides=(Dependencies,))
