"""The machine that the bot runs on."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO

from pydantic import Field

from bot.core.errors import Conflict, IntegrationError, OutcomeUnknown
from bot.core.integration import Integration, IntegrationConfig
from bot.core.permit import ask_permit
from bot.core.ports import Done, Host

_NOTHING: Mapping[str, str] = MappingProxyType({})
_POLL = (0.001, 0.01)  # seconds, at least and at most: a sixteenth of the time that has passed
_LOCK_POLL = 0.05  # seconds


class Config(IntegrationConfig):
    """The bot's own machine."""

    path: str = Field("/usr/local/bin:/usr/bin:/bin", title="Path", description="PATH of everything that is run.")
    output_cap: int = Field(
        4 * 1024 * 1024, gt=0, title="Output cap", description="Bytes of output that are kept of each stream."
    )


class LocalHost:
    """Runs programs with an environment of PATH, HOME and LANG, each in a session and process group of its own.

    Output goes to unnamed files, not to pipes: a change that outlives the bot must not die of a broken pipe.
    """

    own = True

    def __init__(self, config: Config, *, name: str = "localhost") -> None:
        self.name = name
        self._cap = config.output_cap
        self._environment = {"PATH": config.path, "HOME": str(Path.home()), "LANG": "C.UTF-8"}
        self._left: list[subprocess.Popen[bytes]] = []

    async def run(
        self,
        argv: Sequence[str],
        *,
        within: timedelta = timedelta(seconds=20),
        env: Mapping[str, str] = _NOTHING,
        cwd: str | None = None,
        lock: str | None = None,
    ) -> Done:
        """See `Host`. The wait for the lock is limited by `within` as well, apart from the command's own time."""
        held = await self._take(lock, within) if lock else None
        try:
            if held is not None:
                await ask_permit()
            with TemporaryFile() as out, TemporaryFile() as err:
                process = self._start(argv, env=env, cwd=cwd, out=out, err=err, held=held)
                ended = await self._wait((process,), within, watched=() if lock else (out, err))
                if not ended:
                    raise OutcomeUnknown(
                        f"{Path(argv[0]).name} did not end on {self.name} within {within.total_seconds():g} s"
                        + (" and goes on under its lock." if lock else "."),
                    )
                return self._done(process.returncode, out, err)
        finally:
            if held is not None:
                os.close(held)  # the child has its own descriptor: the lock is free when both are closed

    async def pipe(
        self,
        argvs: Sequence[Sequence[str]],
        *,
        within: timedelta = timedelta(seconds=20),
        env: Mapping[str, str] = _NOTHING,
        cwd: str | None = None,
    ) -> Done:
        """See `Host`."""
        with TemporaryFile() as out, TemporaryFile() as err:
            processes = self._start_joined(argvs, env=env, cwd=cwd, out=out, err=err)
            if not await self._wait(processes, within, watched=(out, err)):
                names = " | ".join(Path(argv[0]).name for argv in argvs)
                raise OutcomeUnknown(f"{names} did not end on {self.name} within {within.total_seconds():g} s.")
            done = self._done(processes[-1].returncode, out, err)
        if done.cut:  # they were ended here
            return done
        ended = (
            f"{Path(argv[0]).name} was ended by signal {-process.returncode}\n"
            for argv, process in zip(argvs[:-1], processes, strict=False)
            if process.returncode < 0 and process.returncode != -signal.SIGPIPE
        )
        return replace(done, err="".join((done.err, *ended)))

    async def ping(self) -> str:
        """The system's name and release."""
        return (await self.run(("uname", "-sr"))).out.strip()

    def _start_joined(
        self,
        argvs: Sequence[Sequence[str]],
        *,
        env: Mapping[str, str],
        cwd: str | None,
        out: IO[bytes],
        err: IO[bytes],
    ) -> list[subprocess.Popen[bytes]]:
        """One process for each of `argvs`; the last one writes to `out`."""
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for number, argv in enumerate(argvs, 1):
                reads = processes[-1].stdout if processes else None
                writes = out if number == len(argvs) else subprocess.PIPE
                processes.append(self._start(argv, env=env, cwd=cwd, reads=reads, out=writes, err=err))
        except IntegrationError:
            self._kill(processes)
            raise
        finally:
            for process in processes:
                if process.stdout:
                    process.stdout.close()  # its reader has a copy; ours would keep the writer from a broken pipe
        return processes

    def _start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None,
        out: IO[bytes] | int,
        err: IO[bytes],
        reads: IO[bytes] | None = None,
        held: int | None = None,
    ) -> subprocess.Popen[bytes]:
        # asyncio's own subprocess kills its child when the loop is closed; Popen leaves it alone.
        try:
            process = subprocess.Popen(
                argv,
                stdin=reads or subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**self._environment, **env},
                cwd=cwd,
                start_new_session=True,
                pass_fds=() if held is None else (held,),
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise IntegrationError(f"{argv[0]} cannot be run on {self.name}: {reason}.") from error
        if held is not None:
            os.ftruncate(held, 0)
            os.pwrite(held, f"{shlex.join(argv)} (pid {process.pid})".encode(), 0)
        return process

    async def _wait(
        self, processes: Sequence[subprocess.Popen[bytes]], within: timedelta, *, watched: tuple[IO[bytes], ...]
    ) -> bool:
        """Wait for their end. What has no lock (`watched`) is killed when it takes too long or floods its output."""
        self._left = [left for left in self._left if left.poll() is None]
        try:
            began = time.monotonic()
            async with asyncio.timeout(within.total_seconds()):
                while any(process.poll() is None for process in processes):
                    if any(os.fstat(stream.fileno()).st_size > self._cap for stream in watched):
                        break
                    await asyncio.sleep(min(max((time.monotonic() - began) / 16, _POLL[0]), _POLL[1]))
        except TimeoutError:
            return False
        else:
            return True
        finally:
            if watched:
                self._kill(processes)
            else:
                self._left += [process for process in processes if process.returncode is None]

    def _kill(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _done(self, code: int, out: IO[bytes], err: IO[bytes]) -> Done:
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read(self._cap + 1))
        return Done(
            code=code,
            out=texts[0][: self._cap].decode(errors="replace"),
            err=texts[1][: self._cap].decode(errors="replace"),
            cut=any(len(text) > self._cap for text in texts),
        )

    async def _take(self, lock: str, within: timedelta) -> int:
        """A descriptor that holds `lock`; it survives this process in the child that inherits it."""
        try:
            held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise IntegrationError(f"The lock {lock} on {self.name} cannot be opened: {error.strerror}.") from error
        try:
            async with asyncio.timeout(within.total_seconds()):
                while not _try_lock(held):  # noqa: ASYNC110 - another process holds it, which raises no event here
                    await asyncio.sleep(_LOCK_POLL)
        except TimeoutError as error:
            holder = os.pread(held, 200, 0).decode(errors="replace")
            os.close(held)
            raise Conflict(
                f"Another change still runs on {self.name}: {holder or 'it has not said what it is'}.",
                hint=f"I waited {within.total_seconds():g} s for it. Try again when it has ended.",
            ) from error
        except asyncio.CancelledError:
            os.close(held)
            raise
        return held


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


INTEGRATION = Integration(name="host", config=Config, build=LocalHost, provides=(Host,), always=True)
