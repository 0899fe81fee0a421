"""Runs programs over one SSH connection that is kept open, and made anew when it was lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import cast

import asyncssh

from bot.core.errors import Conflict, IntegrationError, OutcomeUnknown
from bot.core.permit import ask_permit
from bot.core.ports import Done
from integrations.ssh import Config, lines
from integrations.ssh.lines import Change, Setting

_NOTHING: Mapping[str, str] = MappingProxyType({})
_USUALLY = timedelta(seconds=20)
_SESSIONS = 8  # sshd refuses the eleventh, and people have theirs
_OPENINGS = 4
_PATIENCE = 10  # seconds, for a connection
_GRACE = timedelta(seconds=5)
_RETRY = 0.5  # seconds
_TIDYING = 3  # seconds
_CHUNK = 256 * 1024
_OVERHEAD = 1024  # bytes of our own words beside the output

Process = asyncssh.SSHClientProcess[bytes]


class _LostError(Exception):
    """The connection broke while something may have run."""


class _FloodError(Exception):
    """There is more output than is kept."""


@dataclass(slots=True)
class _Heard:
    """What a line gave: both streams, and its code; None when the flood was stopped.

    A change that `begins` was told to.
    """

    code: int | None = None
    begins: bool = False
    out: bytearray = field(default_factory=bytearray)
    raw_err: bytearray = field(default_factory=bytearray)

    @property
    def group(self) -> int:
        """The process group that it began with telling; 0 when it has not got so far."""
        group, told, _ = self.raw_err.partition(b"\n")
        return int(group) if told and group.isdigit() else 0

    @property
    def err(self) -> bytes:
        """What was told after that."""
        return bytes(self.raw_err.partition(b"\n")[2])


class SshHost:
    """See `Host`. The other side is found by its key in `known_hosts`, and only by that.

    Neither an agent nor the user's own configuration of ssh is asked.
    """

    own = False

    def __init__(self, config: Config) -> None:
        self.name = config.name
        self._config = config
        self._cap = config.output_cap
        self._link: asyncssh.SSHClientConnection | None = None
        self._home = ""
        self._connecting = asyncio.Lock()
        self._sessions = asyncio.Semaphore(_SESSIONS)

    async def run(
        self,
        argv: Sequence[str],
        *,
        within: timedelta = _USUALLY,
        env: Mapping[str, str] = _NOTHING,
        cwd: str | None = None,
        lock: str | None = None,
    ) -> Done:
        """See `Host`. Under a lock, a signal that ended the command shows as the code 128 and its number."""
        if lock is None:
            return await self.pipe((argv,), within=within, env=env, cwd=cwd)
        return await self._change(Change(argv, lock, within, self._cap), await self._setting(env, cwd))

    async def pipe(
        self,
        argvs: Sequence[Sequence[str]],
        *,
        within: timedelta = _USUALLY,
        env: Mapping[str, str] = _NOTHING,
        cwd: str | None = None,
    ) -> Done:
        """See `Host`."""
        line = lines.reading(argvs, await self._setting(env, cwd), within=within)
        names = " | ".join(PurePosixPath(argv[0]).name for argv in argvs)
        try:
            heard = await self._hear(line, within=within)
        except TimeoutError as error:
            raise OutcomeUnknown(f"{names} did not end on {self.name} within {within.total_seconds():g} s.") from error
        except _LostError as error:
            raise OutcomeUnknown(f"The connection to {self.name} was lost while {names} ran.") from error
        return self._done(argvs, heard.code, bytes(heard.out), heard.err)

    async def ping(self) -> str:
        """The system's name and release, and who the bot is there."""
        return f"{(await self.run(('uname', '-sr'))).out.strip()}, as {self._config.user}"

    async def close(self) -> None:
        """Close the connection; what runs under a lock goes on."""
        if self._link is not None:
            self._link.abort()
            await self._link.wait_closed()
            self._link = None

    async def _change(self, change: Change, setting: Setting) -> Done:
        """Run it, and ask on another connection what came of it when this one is lost."""
        loop = asyncio.get_running_loop()
        most = 2 * change.within + _GRACE  # for the lock, and for the command
        until = loop.time() + most.total_seconds()
        heard = _Heard()
        try:
            await self._hear(change.begin(setting), within=most, heard=heard, permitted=True)
        except (_LostError, TimeoutError) as error:
            if not heard.begins:
                raise IntegrationError(
                    f"The connection to {self.name} was lost before {_name(change)} began. Nothing was done."
                ) from error
            if isinstance(error, TimeoutError):
                raise self._goes_on(change) from error
            heard = await self._hear_of(change, setting, until=until)
        finally:
            await self._tidy(change.forget())
        return self._collected(change, heard)

    async def _hear_of(self, change: Change, setting: Setting, *, until: float) -> _Heard:
        """What came of a change whose connection was lost, as soon as there is another one."""
        loop = asyncio.get_running_loop()
        while (left := until - loop.time()) > 0:
            within = timedelta(seconds=left)
            with suppress(_LostError, IntegrationError, TimeoutError):  # tried again, as long as there is time
                return await self._hear(change.collect(setting, within=within), within=within)
            await asyncio.sleep(_RETRY)
        raise OutcomeUnknown(
            f"The connection to {self.name} was lost while {_name(change)} ran; it goes on under its lock."
        )

    def _collected(self, change: Change, heard: _Heard) -> Done:
        head, _, out = bytes(heard.out).partition(b"\n")
        word, _, said = head.decode(errors="replace").partition(" ")
        match word:
            case "ended":
                return self._done((change.argv,), int(said), out, heard.err)
            case "late":
                raise self._goes_on(change)
            case "held":
                raise Conflict(
                    f"Another change still runs on {self.name}: {said or 'it has not said what it is'}.",
                    hint=f"I waited {change.within.total_seconds():g} s for it. Try again when it has ended.",
                )
            case "unheard":
                raise IntegrationError(f"{self.name} was not told in time that {_name(change)} may begin, and left it.")
            case "refused":
                raise IntegrationError(f"The lock {change.lock} on {self.name} cannot be opened: {said}.")
            case "lost":
                raise OutcomeUnknown(f"{_name(change)} on {self.name} left no word of how it ended.")
        raise OutcomeUnknown(f"{self.name} answered something else than expected when {_name(change)} was run.")

    def _goes_on(self, change: Change) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{_name(change)} did not end on {self.name} within {change.within.total_seconds():g} s"
            " and goes on under its lock."
        )

    def _done(self, argvs: Sequence[Sequence[str]], code: int | None, out: bytes, err: bytes) -> Done:
        done = Done(
            code=-signal.SIGKILL if code is None else code,
            out=out[: self._cap].decode(errors="replace"),
            err=err[: self._cap].decode(errors="replace"),
            cut=len(out) > self._cap or len(err) > self._cap,
        )
        if refused := lines.refusal(argvs, done.code, done.err):
            raise IntegrationError(f"{refused[0]} cannot be run on {self.name}: {refused[1]}.")
        return done

    async def _setting(self, env: Mapping[str, str], cwd: str | None) -> Setting:
        await self._linked()
        own = {"PATH": self._config.path, "HOME": self._home, "LANG": "C.UTF-8"}
        return Setting({**own, **env}, cwd)

    async def _hear(
        self, line: str, *, within: timedelta, heard: _Heard | None = None, permitted: bool = False
    ) -> _Heard:
        """Send `line`, and listen until it ends; it is ended when it floods, takes too long, or nobody wants it.

        One that has to be `permitted` says when it is ready, and is told to go on when nobody else has taken over.
        """
        heard = heard or _Heard()
        async with self._session(line, heard, listens=permitted) as process, asyncio.timeout(within.total_seconds()):
            try:
                await self._listen(process, heard, permitted=permitted)
            except _FloodError:
                return heard
            except asyncssh.Error as error:
                raise _LostError from error
            await process.wait_closed()
            if process.returncode is None:
                raise _LostError
            heard.code = process.returncode
        return heard

    async def _listen(self, process: Process, heard: _Heard, *, permitted: bool) -> None:
        """Both streams to their ends, or until one is more than is kept."""
        cap = self._cap + _OVERHEAD
        out = _permit(process, heard, cap) if permitted else _fill(heard.out, process.stdout, cap)
        reading = [asyncio.create_task(each) for each in (out, _fill(heard.raw_err, process.stderr, cap))]
        try:
            await asyncio.wait(reading, return_when=asyncio.FIRST_EXCEPTION)
            for each in reading:
                if each.done():
                    each.result()
        finally:
            for each in reading:
                each.cancel()

    @asynccontextmanager
    async def _session(self, line: str, heard: _Heard, *, listens: bool) -> AsyncIterator[Process]:
        async with self._sessions:
            process = await self._open(line, listens=listens)
            try:
                yield process
            finally:
                if process.returncode is None and heard.group:
                    await self._tidy(lines.ended(heard.group))
                process.close()

    async def _tidy(self, line: str) -> None:
        """Run `line` where that is possible; if not, `timeout` and the next connection do the same later."""
        if self._link is not None:
            with suppress(TimeoutError, asyncssh.Error):
                async with asyncio.timeout(_TIDYING):
                    await self._link.run(line, stdin=asyncssh.DEVNULL, errors="replace")

    async def _open(self, line: str, *, listens: bool) -> Process:
        """A session that runs `line`. One that never opened has run nothing, and is opened on a new connection."""
        try:
            sent = lines.encoded(line)
        except ValueError as error:
            raise IntegrationError(f"The command cannot be run on {self.name}: {error}.") from error
        for attempt in range(1, _OPENINGS + 1):
            link = await self._linked()
            try:
                # Bytes, for arguments need not be text; asyncssh hands them on.
                stdin = asyncssh.PIPE if listens else asyncssh.DEVNULL
                return await link.create_process(cast("str", sent), stdin=stdin, encoding=None)
            except asyncssh.ChannelOpenError as error:
                never_opened = error.code == asyncssh.OPEN_CONNECT_FAILED
                if never_opened and attempt < _OPENINGS:
                    if not link.is_closed():
                        await asyncio.sleep(_RETRY)  # sshd has not noticed yet that others have ended
                    continue
                if link.is_closed() and not never_opened:
                    raise _LostError from error
                raise IntegrationError(f"{self.name} opens no session: {error.reason}.") from error
            except asyncssh.Error as error:
                raise _LostError from error
        raise AssertionError(attempt)

    async def _linked(self) -> asyncssh.SSHClientConnection:
        """The connection that is open."""
        async with self._connecting:
            if self._link is None or self._link.is_closed():
                link = await self._connect()
                try:
                    self._home = await self._look_around(link)
                except BaseException:
                    link.abort()
                    raise
                self._link = link
            return self._link

    async def _connect(self) -> asyncssh.SSHClientConnection:
        config = self._config
        where = f"{self.name} as {config.user}"
        try:
            return await asyncssh.connect(
                config.address,
                config.port,
                username=config.user,
                client_keys=[config.key],
                known_hosts=config.known_hosts,
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                connect_timeout=_PATIENCE,
                login_timeout=_PATIENCE,
                keepalive_interval=config.keepalive.total_seconds(),
                keepalive_count_max=3,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise IntegrationError(
                f"The host key of {self.name} is not in {config.known_hosts}, or another one stands there.",
                hint="Nothing was sent. Compare the key with the machine's own before you write it into that file.",
            ) from error
        except asyncssh.PermissionDenied as error:
            raise IntegrationError(
                f"{self.name} does not let {config.user} in with the key {config.key}.",
                hint="Check authorized_keys of that user, and that the account is not locked.",
            ) from error
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise IntegrationError(f"The key {config.key} cannot be used: {error}.") from error
        except TimeoutError as error:
            raise IntegrationError(f"{where} is not reached within {_PATIENCE} s.") from error
        except OSError as error:
            if error.filename:
                raise IntegrationError(f"{error.filename} cannot be read: {error.strerror}.") from error
            raise IntegrationError(
                f"{where} is not reached: {os.strerror(error.errno) if error.errno else error}."
            ) from error
        except (asyncssh.Error, ValueError) as error:
            raise IntegrationError(f"{where} is not reached: {error}.") from error

    async def _look_around(self, link: asyncssh.SSHClientConnection) -> str:
        """HOME there; an error unless the shell is one that our lines are for, with the tools that they name."""
        try:
            probed = await link.run(lines.PROBE, stdin=asyncssh.DEVNULL, errors="replace", timeout=_PATIENCE)
            home, missing = lines.home_of(str(probed.stdout))
        except (asyncssh.Error, TimeoutError) as error:
            raise IntegrationError(f"{self.name} runs nothing for {self._config.user}: {error}.") from error
        except ValueError as error:
            raise IntegrationError(
                f"The shell of {self._config.user} on {self.name} is no POSIX shell, or says something of its own.",
                hint="Set it to sh or bash, without output from its start files, and without a forced command.",
            ) from error
        if missing:
            raise IntegrationError(f"{self.name} lacks {', '.join(missing)}: install coreutils and util-linux.")
        return home


def _name(change: Change) -> str:
    return PurePosixPath(change.argv[0]).name


async def _permit(process: Process, heard: _Heard, cap: int) -> None:
    """The output after it was told to go on: under the lock on the other side, as the permit wants it.

    Raises what the permit raises; nothing has begun then.
    """
    first = await process.stdout.readline()
    if first == lines.READY:
        await ask_permit()
        with suppress(BrokenPipeError):  # it was not told in time, and says so
            process.stdin.write(lines.GO)
            heard.begins = True
    else:
        heard.out += first
    await _fill(heard.out, process.stdout, cap)


async def _fill(kept: bytearray, stream: asyncssh.SSHReader[bytes], cap: int) -> None:
    while chunk := await stream.read(_CHUNK):
        kept += chunk
        if len(kept) > cap:
            raise _FloodError
