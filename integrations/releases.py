"""Release folders made from a git repository, and a link to the one that runs.

PM2 keeps the path that an app was started with; reloading an ecosystem file from another folder does not change it. So
the app is started by the path of the link, which is what changes: `cwd` in the ecosystem file has to name it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from pydantic import Field

from bot.core.errors import Conflict, IntegrationError, NotFound
from bot.core.integration import Integration, IntegrationConfig
from bot.core.migrations import Migrations
from bot.core.ports import Done, Host
from bot.core.releases import Built, Commit, Current, Releases
from bot.core.run_as import READ, Account, check, output, said

_FETCH = timedelta(seconds=60)
_FINISHED = ".opsbot-built"
_LOOK_EVERY = 0.2
_NAME = 12  # characters of a SHA that name its folder


class Config(IntegrationConfig):
    """Where a service is deployed, and how a release of it is built."""

    link: str = Field(title="Link", pattern="^/.*[^/]$", description="The link that names the release that runs.")
    folder: str = Field(title="Folder", pattern="^/.*[^/]$", description="The folder that holds one folder a release.")
    repository: str = Field(
        title="Repository", pattern="^/", description="A git repository with the service's history."
    )
    shared: Mapping[str, str] = Field(
        {},
        title="Shared",
        description="Files that every release has by a link: name in the release to the file's path.",
    )
    prepare: tuple[tuple[str, ...], ...] = Field(
        (("npm", "ci", "--no-audit", "--no-fund"), ("npm", "run", "build")),
        title="Prepare",
        description="Commands that install and build a release, each run in its folder, in order.",
    )
    prepare_within: timedelta = Field(
        timedelta(minutes=10), title="Prepare within", description="How long one of them may take."
    )
    smoke: tuple[str, ...] = Field(
        ("node", "server.js"), title="Smoke start", description="What starts one worker of a release in its folder."
    )
    smoke_port: int = Field(
        3999, gt=0, lt=65536, title="Smoke port", description="A spare port of the host, given as PORT."
    )
    smoke_path: str = Field("/health", title="Smoke path", description="What is asked of it, for JSON with the SHA.")
    smoke_field: str = Field("sha", title="Smoke field", description="The field of that JSON that holds the SHA.")
    smoke_within: timedelta = Field(
        timedelta(seconds=20), title="Smoke within", description="How long it may take to answer."
    )
    migrations: tuple[str, ...] = Field(
        ("migrations", "scripts/migrate.js"),
        title="Migrations",
        description="Paths of the repository whose change means that the database's schema changes.",
    )
    migrate: tuple[str, ...] = Field(
        ("npm", "run", "migrate"),
        title="Migrate",
        description="What applies a release's migrations, run in the folder of the deployed one.",
    )
    migrate_within: timedelta = Field(
        timedelta(minutes=10), title="Migrate within", description="How long it is waited for; it is never ended."
    )
    last_migration: tuple[str, ...] = Field(
        (),
        title="Last migration",
        description="What prints the migration that was applied last, run in the same folder; empty for none.",
    )
    run_as: str = Field(
        "",
        title="Run as",
        pattern=r"^([a-z_][a-z0-9_-]*)?$",
        description="User whom the folders belong to, reached by `sudo -n`; empty when the bot is that user.",
    )
    home: str = Field("", title="Home", description="HOME of that user.")
    path: str = Field("", title="Path", description="PATH on which git, node and npm are; empty for the host's own.")


class GitReleases:
    """Worktrees of one repository. NODE_ENV is not set while building, for npm would leave build tools out."""

    def __init__(self, config: Config, *, host: Host) -> None:
        self._config = config
        env = {name: value for name, value in (("HOME", config.home), ("PATH", config.path)) if value}
        self._account = Account(host, config.run_as, env)
        self._lock = f"/tmp/opsbot-releases-{sha256(config.link.encode()).hexdigest()[:12]}.lock"  # noqa: S108 - a lock file
        self._migrating = self._lock.replace("releases", "migrate")

    async def resolve(self, ref: str) -> str:
        """See `Releases`; what is not known here is fetched once, and so is a branch, for what is here may be old."""
        sha = await self._resolve(ref)
        may_be_old = sha is None or (await self._git("show-ref", "--verify", "--quiet", f"refs/heads/{ref}")).code == 0
        if may_be_old and (await self._git("remote")).out.strip():
            await self._change(self._git_argv("fetch", "--quiet", "--tags"), within=_FETCH)
            sha = await self._resolve(f"origin/{ref}") or await self._resolve(ref)
        if sha is None:
            raise NotFound(f'Nothing in the repository is called "{ref[:80]}".', hint="A tag, a branch or a SHA is.")
        return sha

    async def current(self) -> Current:
        """See `Releases`."""
        read = await self._account.run(("readlink", "-e", self._config.link))
        folder = read.out.strip()
        if read.code or folder == self._config.link:
            raise Conflict(
                f"{self._config.link} is no link to a release.",
                hint="docs/actions/releases.md tells how a checkout becomes the first release.",
            )
        sha = (await self._checked(self._git_argv("rev-parse", "HEAD", at=folder))).strip()
        status = await self._checked(self._git_argv("status", "--porcelain", "--untracked-files=no", at=folder))
        return Current(sha, folder, tuple(line[3:] for line in status.splitlines()))

    async def before_by_hand(self) -> str | None:
        """See `Releases`: the newest other entry of the folder's reflog, or where its oldest one came from."""
        current = await self.current()
        log = await self._checked(self._git_argv("reflog", "--format=%H", "--max-count=50", at=current.folder))
        found = log.split()
        oldest = self._git_argv("rev-parse", "--verify", "--quiet", f"HEAD@{{{len(found)}}}", at=current.folder)
        found += (await self._account.run(oldest)).out.split()
        return next((sha for sha in found if sha != current.sha), None)

    async def names(self, sha: str) -> tuple[str, ...]:
        """See `Releases`."""
        return tuple((await self._checked(self._git_argv("tag", "--points-at", sha))).split())

    async def between(self, old: str, new: str, *, most: int) -> tuple[Commit, ...]:
        """See `Releases`."""
        argv = self._git_argv("log", f"--max-count={most}", "--format=%H %cI %s", f"{old}..{new}", "--")
        lines = [line.split(" ", 2) for line in (await self._checked(argv)).splitlines()]
        return tuple(Commit(sha, datetime.fromisoformat(at), subject) for sha, at, subject in lines)

    async def migrations(self, one: str, other: str) -> tuple[str, ...]:
        """See `Releases`."""
        argv = self._git_argv("diff", "--name-only", one, other, "--", *self._config.migrations)
        return tuple((await self._checked(argv)).splitlines())

    async def on_host(self) -> tuple[Built, ...]:
        """See `Releases`."""
        listed = await self._checked(self._git_argv("worktree", "list", "--porcelain"))
        found = re.findall(r"^worktree (.+)\nHEAD ([0-9a-f]{40})$", listed, re.MULTILINE)
        ours = [(folder, sha) for folder, sha in found if folder.startswith(f"{self._config.folder}/")]
        finished = [await self._is_finished(folder) for folder, _ in ours]
        return tuple(Built(sha, folder, done) for (folder, sha), done in zip(ours, finished, strict=True))

    def folder(self, sha: str) -> str:
        """See `Releases`."""
        return f"{self._config.folder}/{sha[:_NAME]}"

    async def build(self, sha: str) -> str:
        """See `Releases`. A folder whose build was not finished is made anew."""
        folder = self.folder(sha)
        # A bot that died has left what it was at: only that is waited for as long as it may take.
        await self._change(("true",), within=self._config.prepare_within)
        if await self._is_finished(folder):
            return f"{folder} was built before"
        await self._change(self._git_argv("worktree", "remove", "--force", folder), may_fail=True)
        await self._change(("rm", "-rf", "--", folder))
        await self._change(self._git_argv("worktree", "prune"))
        await self._change(self._git_argv("worktree", "add", "--quiet", "--force", "--detach", folder, sha))
        for name, target in self._config.shared.items():
            await self._change(("ln", "-s", "--", target, f"{folder}/{name}"))
        for argv in self._config.prepare:
            await self._change(argv, within=self._config.prepare_within, cwd=folder)
        await self._change(("touch", f"{folder}/{_FINISHED}"))
        return f"{folder} is built"

    async def building(self) -> str:
        """See `Releases`."""
        return await self._account.holder(self._lock)

    async def smoke(self, sha: str) -> str:
        """See `Releases`."""
        config = self._config
        limit = str(int(config.smoke_within.total_seconds()) + 2)
        env = {"PORT": str(config.smoke_port), "NODE_ENV": "production"}
        argv = ("timeout", "-k", "2", limit, *config.smoke)
        within = config.smoke_within + timedelta(seconds=5)
        running = asyncio.create_task(self._account.run(argv, within=within, cwd=self.folder(sha), env=env))
        try:
            return await self._answers(sha, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def switch(self, folder: str) -> str:
        """See `Releases`."""
        link = self._config.link
        await self._change(("ln", "-sfn", "--", folder, f"{link}.next"))
        await self._change(("mv", "-T", "--", f"{link}.next", link))
        return f"{link} -> {folder}"

    @property
    def migrate_argv(self) -> tuple[str, ...]:
        """See `Migrations`."""
        return self._config.migrate

    async def migrate(self) -> str:
        """See `Migrations`."""
        folder = (await self.current()).folder
        within, lock = self._config.migrate_within, self._migrating
        done = await self._account.run(self.migrate_argv, within=within, cwd=folder, lock=lock)
        check(done, self.migrate_argv[0])
        return done.out.strip().rpartition("\n")[2][:300]

    async def last_migration(self) -> str | None:
        """See `Migrations`."""
        argv = self._config.last_migration
        if not argv:
            return None
        done = await self._account.run(argv, cwd=(await self.current()).folder)
        return output(done, argv[0]).strip()[:100]

    async def migrated(self) -> None:
        """See `Migrations`."""
        await self._account.run(("true",), within=self._config.migrate_within, lock=self._migrating)

    async def ping(self) -> str:
        """What is deployed."""
        current = await self.current()
        return f"{current.folder} is deployed, at {current.sha[:_NAME]}"

    async def _answers(self, sha: str, running: asyncio.Task[Done]) -> str:
        """Ask until it answers with its SHA, ends, or takes too long."""
        config = self._config
        url = f"http://127.0.0.1:{config.smoke_port}{config.smoke_path}"
        loop = asyncio.get_running_loop()
        ends, answered = loop.time() + config.smoke_within.total_seconds(), "nothing"
        while loop.time() < ends:
            if running.done():
                done = running.result()
                raise IntegrationError(
                    f"Release {sha[:_NAME]} ended at its start with {done.code}: {said(done) or 'it said nothing'}"
                )
            asked = await self._account.run(("curl", "-sS", "-m", "2", "-w", "\n%{http_code}", url))
            body, _, status = asked.out.rpartition("\n")
            if asked.code == 0:
                build = _field(body, config.smoke_field)
                if status == "200" and build == sha:
                    return f"started beside what runs, it answers 200 with {sha[:_NAME]}"
                answered = f"{status} with {config.smoke_field} {build!r}"
            await asyncio.sleep(_LOOK_EVERY)
        raise IntegrationError(
            f"Release {sha[:_NAME]} did not come up on port {config.smoke_port}: it answered {answered}."
        )

    async def _resolve(self, ref: str) -> str | None:
        found = await self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return found.out.strip() if found.code == 0 else None

    async def _is_finished(self, folder: str) -> bool:
        return (await self._account.run(("test", "-e", f"{folder}/{_FINISHED}"))).code == 0

    def _git_argv(self, *words: str, at: str = "") -> tuple[str, ...]:
        """Git in the repository or a folder of it, whoever owns that."""
        place = at or self._config.repository
        return ("git", "-c", f"safe.directory={place}", "-c", "advice.detachedHead=false", "-C", place, *words)

    async def _git(self, *words: str) -> Done:
        return await self._account.run(self._git_argv(*words))

    async def _checked(self, argv: Sequence[str]) -> str:
        return output(await self._account.run(argv), _name_of(argv))

    async def _change(
        self, argv: Sequence[str], *, within: timedelta = READ, cwd: str | None = None, may_fail: bool = False
    ) -> None:
        done = await self._account.run(argv, within=within, cwd=cwd, lock=self._lock)
        if not may_fail:
            check(done, _name_of(argv))


def _name_of(argv: Sequence[str]) -> str:
    return " ".join(argv[:1] if argv[0] != "git" else [word for word in argv if word[:1] != "-"][:4])


def _field(body: str, name: str) -> str | None:
    try:
        value = json.loads(body)[name]
    except (ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


INTEGRATION = Integration("releases", Config, GitReleases, provides=(Releases, Migrations))
