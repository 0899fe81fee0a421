"""`opsbot check`: try everything that the configuration names, and say what answers and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bot.app import audit_key, database, private_folder
from bot.core.contacts import Contact
from bot.core.errors import OpsbotError
from bot.core.integration import Integration
from bot.core.parts import State
from bot.jobs.queue import defer
from bot.services import build_services
from bot.settings import Settings
from bot.slack.client import granted_scopes, identify, open_session, web_client
from bot.slack.manifest import missing_scopes
from bot.store.postgres import Postgres
from bot.views.templates import Templates
from integrations.http import HttpClient

PATIENCE = 10.0
"""Seconds that each system has to answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of trying one thing."""

    state: State
    name: str
    said: str


async def check(settings: Settings, *, known: Mapping[str, Integration]) -> tuple[Finding, ...]:
    """Everything at once; nothing is changed but the bot's own database, which is brought up to date."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(HttpClient())
        systems = build_services(settings, known=known, http=http, data=private_folder(settings.data_dir))
        stack.push_async_callback(systems.close)
        tried = await asyncio.gather(
            _try("database_url", _store(settings)),
            _slack(settings),
            *(_try(place, system.ping()) for place, system in systems.pingable.items()),
        )
    findings = [finding for each in tried for finding in each]
    if not settings.services:
        findings.append(Finding(State.WARN, "services", "None is configured: there is nothing to operate."))
    findings += [
        Finding(State.WARN, f"contacts[{index}]", f"{each.contact} is a placeholder: nobody would be reached.")
        for index, each in enumerate(settings.contacts)
        if Contact(each.role, each.contact).is_placeholder
    ]
    findings += [
        Finding(State.FAIL, f"templates/{name}", f"{fault}: the bot's own is used in its place.")
        for name, fault in Templates(settings.templates).faults().items()
    ]
    return tuple(findings)


async def _try(name: str, ping: Awaitable[str]) -> tuple[Finding, ...]:
    try:
        async with asyncio.timeout(PATIENCE):
            return (Finding(State.OK, name, await ping),)
    except TimeoutError:
        return (Finding(State.UNKNOWN, name, f"No answer within {PATIENCE:g} s."),)
    except OpsbotError as error:
        return (Finding(State.FAIL, name, f"{error} {error.hint}".strip()),)


async def _store(settings: Settings) -> str:
    async with (
        database(settings) as conninfo,
        Postgres.open(conninfo, defer=defer, audit_key=audit_key(private_folder(settings.data_dir))) as store,
    ):
        return await store.ping()


async def _slack(settings: Settings) -> tuple[Finding, ...]:
    """The tokens that the transport needs, and whether Slack granted all the scopes of the manifest."""
    slack = settings.slack
    wanted = {"bot_token": slack.bot_token}
    wanted |= (
        {"app_token": slack.app_token} if slack.transport == "socket" else {"signing_secret": slack.signing_secret}
    )
    missing = tuple(
        Finding(State.FAIL, f"slack.{name}", f"Not set; put it into OPSBOT_SLACK__{name.upper()} or a secrets file.")
        for name, value in wanted.items()
        if not value.get_secret_value()
    )
    if not slack.bot_token.get_secret_value():
        return missing
    async with open_session() as session:
        client = web_client(session, token=slack.bot_token.get_secret_value(), api_url=slack.api_url)

        async def who() -> str:
            identity = await identify(client)
            return f"Slack knows the bot as {identity.user_id} in the workspace {identity.team_id}."

        async def scopes() -> str:
            lacking = missing_scopes(await granted_scopes(client))
            if lacking:
                raise OpsbotError(
                    f"Not granted: {', '.join(sorted(lacking))}.",
                    hint="Put `opsbot manifest` into the app and reinstall it.",
                )
            return "All scopes of the manifest are granted."

        return missing + await _try("slack.bot_token", who()) + await _try("slack scopes", scopes())
