"""The bot's link to one Slack workspace: client, identity, people, and the way out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.clock import Clock
from bot.core.fleet import Fleet
from bot.core.people import Role
from bot.core.records import Store
from bot.core.registry import Registry
from bot.operations.spills import Spills
from bot.slack.backfilling import CALLS_A_MINUTE, Reader
from bot.slack.client import SLACK, Identity, identify, open_session, web_client
from bot.slack.deliver import POSTS_A_SECOND, Deliverer, Redact
from bot.slack.directory import Directory
from bot.slack.dispatch import Dispatcher, Proposer
from bot.slack.forms import Forms
from bot.slack.ledger import Ledger
from bot.slack.listeners import Door
from bot.slack.metrics import Metrics
from bot.slack.outbox import JOB, Outbox
from bot.slack.people import People, Roles, holders
from bot.slack.pipeline import Pipeline
from bot.slack.receiving import EVERY, Watch
from bot.slack.recorder import Recorder
from bot.slack.runner import Runner
from bot.slack.socket import Sockets
from bot.views import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the rest of the program needs of Slack; `chat` is its `Chat`."""

    client: AsyncWebClient
    identity: Identity
    chat: Deliverer
    outbox: Outbox
    _session: aiohttp.ClientSession
    _directory: Directory
    _roles: Roles
    _store: Store
    _clock: Clock
    _redact: Redact
    _metrics: Metrics

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        bot_token: str,
        api_url: str = SLACK,
        roles: Roles,
        store: Store,
        clock: Clock,
        redact: Redact,
        metrics: Metrics,
        templates: Templates | None = None,
        posts_a_second: float = POSTS_A_SECOND,
    ) -> AsyncIterator[Link]:
        """Ask Slack who the bot is, and stay linked until the block ends. Raises `IntegrationError`."""
        async with open_session() as session:
            client = web_client(session, token=bot_token, api_url=api_url)
            identity = await identify(client)
            directory = Directory(client, team_id=identity.team_id, store=store, clock=clock)
            outbox = Outbox(client, session=session, store=store, clock=clock, metrics=metrics)
            own = Recorder(store, identity=identity, clock=clock, redact=redact)
            chat = Deliverer(
                client,
                redact=redact,
                directory=directory,
                outbox=outbox,
                user_id=identity.user_id,
                templates=templates,
                record=own.posted,
                posts_a_second=posts_a_second,
            )
            yield cls(
                client=client,
                identity=identity,
                chat=chat,
                outbox=outbox,
                _session=session,
                _directory=directory,
                _roles=roles,
                _store=store,
                _clock=clock,
                _redact=redact,
                _metrics=metrics,
            )

    async def commanders(self) -> frozenset[str]:
        """Ids of the people who may approve."""
        return await holders(self._roles, self._directory, role=Role.COMMANDER)

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """What each of Slack's jobs does, by task name."""
        return {JOB: self.outbox.bring}

    def reader(self, *, spills: Spills | None = None, calls_a_minute: float = CALLS_A_MINUTE) -> Reader:
        """What reads Slack's history into the record."""
        recorder = self._recorder(spills)
        return Reader(
            self.client,
            store=self._store,
            chat=self.chat,
            recorder=recorder,
            clock=self._clock,
            calls_a_minute=calls_a_minute,
        )

    def _recorder(self, spills: Spills | None) -> Recorder:
        return Recorder(self._store, identity=self.identity, clock=self._clock, redact=self._redact, spills=spills)

    @asynccontextmanager
    async def door(
        self,
        *,
        registry: Registry,
        fleet: Fleet,
        ports: Mapping[type, object],
        engine: Proposer,
        slash: str,
        spills: Spills | None = None,
        drain: timedelta = timedelta(seconds=8),
    ) -> AsyncIterator[Door]:
        """The door for payloads; at the end of the block what came in is finished, within `drain`.

        Without `spills` nobody looks for live secrets in what people write.
        """
        runner = Runner()
        forms = Forms(self.client, chat=self.chat, registry=registry, store=self._store, clock=self._clock)
        dispatcher = Dispatcher(
            registry=registry,
            fleet=fleet,
            ports=ports,
            engine=engine,
            forms=forms,
            clock=self._clock,
            whom_to_ask=self._roles.whom_to_ask,
        )
        pipeline = Pipeline(
            client=self.client,
            dispatcher=dispatcher,
            forms=forms,
            people=People(self._directory, self._roles, team_id=self.identity.team_id),
            chat=self.chat,
            ledger=Ledger(self._store, clock=self._clock),
            store=self._store,
            runner=runner,
            metrics=self._metrics,
            redact=self._redact,
            slash=slash,
            whom_to_ask=self._roles.whom_to_ask,
            spills=spills,
        )
        try:
            yield Door(
                self.client,
                app_id=self.identity.app_id,
                pipeline=pipeline,
                recorder=self._recorder(spills),
                metrics=self._metrics,
            )
        finally:
            await runner.drain(drain)

    @asynccontextmanager
    async def watching(self, door: Door, sockets: Sockets | None, *, every: timedelta = EVERY) -> AsyncIterator[Watch]:
        """Know what may have been missed while the block runs; without `sockets` payloads come over HTTP."""
        watch = Watch(
            self._store,
            clock=self._clock,
            connected=lambda: sockets is None or sockets.connected > 0,
            interruptions=lambda: door.lost + (sockets.interruptions if sockets else 0),
        )
        await watch.start(every=every)
        try:
            yield watch
        finally:
            await watch.stop()

    @asynccontextmanager
    async def sockets(self, door: Door, *, app_token: str) -> AsyncIterator[Sockets]:
        """Receive over Socket Mode while the block runs."""
        sockets = Sockets(self.client, app_token=app_token, session=self._session, receive=door.receive)
        await sockets.start()
        try:
            yield sockets
        finally:
            await sockets.stop()
