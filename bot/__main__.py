"""The command line: `opsbot run`, `demo`, `check` and what lets anyone look at the bot from outside."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.core.errors import OpsbotError

if TYPE_CHECKING:
    from bot.core.integration import Integration
    from bot.settings import Settings

# What a command needs is imported in it: `opsbot redact` stands in pipes and must not load Slack and Postgres first.
# ruff: noqa: PLC0415

_CONFIG = Path("opsbot.yaml")


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        """Errors that a person can act on in plain words, without a stack trace."""
        try:
            return super().invoke(ctx)
        except OpsbotError as error:
            click.echo(f"{error}\n{error.hint}".strip(), err=True)
            raise SystemExit(2) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration; opsbot.yaml of this folder if there."
)
@click.version_option(package_name="opsbot")
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """The Slack app that an operations team runs production from when it hurts."""
    ctx.obj = config or (_CONFIG if _CONFIG.exists() else None)


def _load(file: Path | None) -> tuple[Settings, dict[str, Integration]]:
    import os

    from bot.settings import SECRETS_DIR, integrations, load

    known = integrations()
    beside = (file.parent if file else Path()) / "secrets"
    return load(file, known=known, secrets=Path(os.environ.get(SECRETS_DIR, beside))), known


@main.command()
@click.pass_obj
def run(config: Path | None) -> None:
    """Run the bot until it is told to stop (SIGTERM, Ctrl-C)."""
    from bot.app import run as running
    from bot.core.redact import Redactor
    from bot.logs import set_up

    settings, known = _load(config)
    _need_tokens(settings)

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with running(settings, known=known, redactor=redactor):
            # What there is now stays: looking through it for garbage would hold up every ack by 50 ms now and then.
            gc.collect()
            gc.freeze()
            await stop.wait()

    redactor = Redactor(settings.secrets())
    set_up(redactor.redact)
    asyncio.run(serve())


def _need_tokens(settings: Settings) -> None:
    """Without its tokens the bot cannot begin; which it needs depends on the transport."""
    slack = settings.slack
    second = "app_token" if slack.transport == "socket" else "signing_secret"
    missing = [name for name in ("bot_token", second) if not getattr(slack, name).get_secret_value()]
    if missing:
        names = " and ".join(f"OPSBOT_SLACK__{name.upper()}" for name in missing)
        raise OpsbotError(f"{names} not set.", hint="README tells how to get it; `opsbot demo` needs none.")


@main.command("do", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--yes", is_flag=True, help="Answer yes to what it asks.")
@click.argument("words", nargs=-1, required=True)
@click.pass_obj
def do(config: Path | None, *, words: tuple[str, ...], yes: bool) -> None:
    """Do in this shell what is typed in Slack: opsbot do maintenance on 30m provider is down.

    For when Slack is away. Exit code 0 when it answered, or when the change was seen to be done.
    """
    from bot.core.parse import join
    from bot.core.redact import Redactor
    from bot.logs import set_up
    from bot.shell import open_shell

    settings, known = _load(config)
    redactor = Redactor(settings.secrets())
    set_up(redactor.redact)

    def agree(question: str) -> bool:
        return yes or click.confirm(question, default=False)

    async def attend() -> bool:
        async with open_shell(settings, known=known, redactor=redactor, say=click.echo) as shell:
            return await shell.do(words[0] if len(words) == 1 else join(words), agree=agree)

    raise SystemExit(0 if asyncio.run(attend()) else 1)


@main.command()
@click.option("--tour", is_flag=True, help="Go through the three jobs by script first.")
@click.option("--exit", "leave", is_flag=True, help="End after the tour; 0 only if every effect was observed.")
@click.option("--sabotage", type=click.Choice(["reload"]), help="Skip this silently, to see the tour notice it.")
@click.option("--port", default=0, help="Port of the local Slack; a free one if not given.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder that keeps the demo's state; a fresh one if not given."
)
def demo(*, tour: bool, leave: bool, sabotage: str | None, port: int, data: Path | None) -> None:
    """Run everything on this machine: a local Slack, a real gateway, the bot, and a prompt."""
    from bot.demo.main import run as run_demo

    raise SystemExit(run_demo(tour=tour, leave=leave, sabotage=sabotage or "", port=port, data=data))


@main.command()
@click.pass_obj
def check(config: Path | None) -> None:
    """Try everything that the configuration names; exit code 1 when something does not answer."""
    from bot.check import check as try_all
    from bot.core.parts import State
    from bot.logs import set_up

    settings, known = _load(config)
    set_up()
    findings = asyncio.run(try_all(settings, known=known))
    for finding in findings:
        click.echo(f"{finding.state.value:<8}{finding.name}: {finding.said}")
    raise SystemExit(any(finding.state in {State.FAIL, State.UNKNOWN} for finding in findings))


@main.command()
@click.option("--prefix", help="Root command without its slash; ops if not given.")
@click.option("--incident-root", help="Root of the incident family without its slash.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as the Slack CLI wants it.")
@click.option("--request-url", default="", help="Address of /slack/events for signed HTTP; Socket Mode if not given.")
@click.pass_obj
def manifest(
    config: Path | None, *, prefix: str | None, incident_root: str | None, as_json: bool, request_url: str
) -> None:
    """Print the Slack app's manifest."""
    from bot.core.registry import Registry
    from bot.slack import manifest as slack_manifest

    slack = _load(config)[0].slack
    registry = Registry.discover(prefix=prefix or slack.command, incident_root=incident_root or slack.incident_command)
    made = slack_manifest.manifest(registry, request_url=request_url)
    click.echo(slack_manifest.as_json(made) if as_json else slack_manifest.as_yaml(made), nl=False)


@main.command()
@click.pass_obj
def migrate(config: Path | None) -> None:
    """Bring the database to this version."""
    from bot.app import database

    async def bring() -> None:
        async with database(_load(config)[0]):
            click.echo("The database is up to date.")

    asyncio.run(bring())


@main.group()
def audit() -> None:
    """The audit chain."""


@audit.command()
@click.option("--head", help="A head that was published, as SEQ:MAC from the log or a digest; finds a cut-off tail.")
@click.pass_obj
def verify(config: Path | None, head: str | None) -> None:
    """Look for altered, removed, inserted and rewritten rows; exit code 1 when there is a fault."""
    from bot.app import audit_key, database, private_folder
    from bot.store.chain import Mark
    from bot.store.verify import verify as verify_chain

    settings, _ = _load(config)
    seq, _, mac = (head or "").partition(":")
    if head and not (seq.isdecimal() and mac):
        raise OpsbotError(f"{head} is no head.", hint="It looks like 120:4f0c..., as the log's start line has it.")
    published = Mark(int(seq), mac) if head else None

    async def look() -> int:
        async with database(settings) as conninfo:
            key = audit_key(private_folder(settings.data_dir))
            found = await asyncio.to_thread(verify_chain, conninfo, key=key, published=published)
        click.echo(found.fault or f"{found.rows} rows hold; the head is {found.head.seq}:{found.head.mac}")
        return 1 if found.fault else 0

    raise SystemExit(asyncio.run(look()))


@main.group()
def incident() -> None:
    """Incidents, without Slack."""


@incident.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the timeline and the report in it.")
def draft(file: Path, *, as_json: bool) -> None:
    """Draft the report of an incident that the bot did not attend.

    FILE is a transcript of its channel (a transcript.json or the folder with one), or the folder of a Slack export.
    """
    from bot.core.redact import Redactor
    from bot.incidents.draft import draft as draft_report
    from bot.incidents.transcripts import read_transcript
    from bot.views.templates import Templates

    found = draft_report(read_transcript(file), redact=Redactor().redact, documents=Templates())
    click.echo(json.dumps(found, ensure_ascii=False, indent=1) if as_json else found["report"])


@incident.command("export")
@click.argument("number", type=int)
@click.option("--format", "as_what", type=click.Choice(["md", "json", "html"]), default="md", help="md if not given.")
@click.pass_obj
def export_report(config: Path | None, *, number: int, as_what: str) -> None:
    """Print the report of incident NUMBER as it stands in the store; Slack is not asked.

    One that has no report gets its first draft from the record.
    """
    from bot.core.redact import Redactor

    settings, _ = _load(config)
    redact = Redactor(settings.secrets()).redact

    async def read() -> str:
        from bot.app import audit_key, database, private_folder
        from bot.core.clock import now
        from bot.core.command import Context
        from bot.core.people import AUTOMATIC
        from bot.incidents.exports import Exporter, Format
        from bot.incidents.report import draft, stand
        from bot.jobs.queue import defer
        from bot.shell import no_slack
        from bot.store.postgres import Postgres
        from bot.views.templates import Templates

        key = audit_key(private_folder(settings.data_dir))
        async with database(settings) as conninfo, Postgres.open(conninfo, defer=defer, audit_key=key) as store:
            async with store.transaction() as tx:
                found = await tx.incidents.get(number)
                is_drafted = await tx.reports.get(number) is not None
            services = found.services or tuple(settings.services)
            if not is_drafted:
                rules = settings.incidents
                ctx, chat = Context(AUTOMATIC, found.channel, now()), no_slack()
                await draft(ctx, found, store=store, chat=chat, zone=settings.zone, mark=rules.mark, services=services)
            standing = await stand(found, store=store)
            exporter = Exporter(store, Templates(settings.templates), settings.zone, redact)
            chart = await exporter.chart(standing, services=services, now=now())
            return redact((await exporter.document(standing, Format(as_what), chart)).content)

    click.echo(asyncio.run(read()))


@main.command()
@click.option(
    "--env-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its secret values are masked."
)
def redact(env_file: Path | None) -> None:
    """Copy standard input to standard output without secrets."""
    from bot.core import dotenv
    from bot.core.redact import Redactor

    redactor = Redactor(dotenv.values(dotenv.decode(env_file.read_bytes())) if env_file else {})
    reader = open(0, encoding="utf-8", errors="surrogateescape", newline="", closefd=False)  # noqa: SIM115 - not ours to close
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")  # type: ignore[union-attr]
    for line in redactor.stream(reader):
        sys.stdout.write(line)
        sys.stdout.flush()


@main.command()
@click.option("--json", "_as_json", is_flag=True, required=True, help="One JSON object a line.")
def views(*, _as_json: bool) -> None:
    """Print every view in every state as Slack would get it."""
    from bot.views.gallery import every_state

    for shown in every_state():
        click.echo(json.dumps(shown))


if __name__ == "__main__":
    main()
