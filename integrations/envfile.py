"""A service's environment file: one key is read or changed, and no other byte.

The bot edits it by itself on its own machine, and by the root-owned helper of `deploy/` anywhere else, or when told to.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from bot.core import dotenv
from bot.core.errors import Conflict, IntegrationError, NotConfigured
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Done, EnvFile, EnvKey, Host

T = TypeVar("T")
_KEPT_BACKUPS = 5
_LOCK_PATIENCE = 10.0  # seconds
_LOCK_POLL = 0.05  # seconds
_HELPER_WITHIN = timedelta(seconds=30)


class Config(IntegrationConfig):
    """The environment file that the service loads when it starts."""

    path: str = Field(title="Path", pattern="^/", description="Absolute path; a symlink is followed and kept.")
    helper: tuple[str, ...] = Field(
        (),
        title="Helper",
        description="How the root-owned helper is started, as in docs/hosts.md: for a file on another machine, or of"
        " another user. Empty where the bot may edit the file by itself.",
    )


class DotEnvFile:
    """Edits are atomic, keep owner and mode, and leave the former content among the five backups in `data`."""

    def __init__(self, config: Config, *, data: Path) -> None:
        self.path = config.path
        self._backups = _Backups(config.path, data)

    async def read(self, key: str) -> EnvKey:
        """See `EnvFile`."""
        return await self._in_thread(lambda: self._read(key))

    async def write(self, key: str, value: str | None, *, expected: str | None) -> None:
        """See `EnvFile`."""
        await self._in_thread(lambda: self._write(key, value, expected=expected))

    async def secrets(self) -> tuple[str, ...]:
        """See `EnvFile`."""
        return await self._in_thread(lambda: dotenv.secrets(self._text(self._target())))

    async def secret_keys(self) -> tuple[str, ...]:
        """See `EnvFile`."""
        return await self._in_thread(lambda: dotenv.secret_keys(self._text(self._target())))

    async def ping(self) -> str:
        """How many keys the file has, and its mode."""
        return await self._in_thread(self._describe)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(function)
        except OSError as error:
            raise IntegrationError(
                f"{error.filename or self.path} cannot be used: {error.strerror}.",
                hint="Check env_file.path, and that the bot's user may read and write the file and its folder.",
            ) from error

    def _target(self) -> Path:
        return Path(self.path).resolve()

    def _text(self, target: Path) -> str:
        return dotenv.decode(target.read_bytes())

    def _describe(self) -> str:
        target = self._target()
        return f"{self.path} has {len(dotenv.values(self._text(target)))} keys, mode {target.stat().st_mode & 0o777:o}"

    def _read(self, key: str) -> EnvKey:
        return _key(self._text(self._target()), key)

    def _write(self, key: str, value: str | None, *, expected: str | None) -> None:
        target = self._target()
        with _locked(target.parent):
            text = self._text(target)
            _check(text, key, expected)
            self._backups.keep(text)
            _replace(target, dotenv.encode(dotenv.with_value(text, key, value)))


class HelperEnvFile:
    """The same by the helper on the file's machine, which checks each word once more; backups stay with the bot.

    What it is told to set stands in its argv: it sets flags, and its own configuration names the keys.
    """

    def __init__(self, config: Config, *, host: Host, data: Path) -> None:
        self.path = config.path
        self._helper = config.helper
        self._host = host
        self._backups = _Backups(config.path, data)
        self._lock = f"/tmp/opsbot-env-{_mark(config.path)}.lock"  # noqa: S108 - a lock file of every replica

    async def read(self, key: str) -> EnvKey:
        """See `EnvFile`."""
        return _key(await self._text(), key)

    async def write(self, key: str, value: str | None, *, expected: str | None) -> None:
        """See `EnvFile`."""
        text = await self._text()
        _check(text, key, expected)
        dotenv.with_value(text, key, value)  # refused here in our words, if at all
        await asyncio.to_thread(self._backups.keep, text)
        done = await self._run("set-env", self.path, key, _word(expected), _word(value), lock=self._lock)
        if done.code:
            _check(await self._text(), key, expected)
            raise self._refusal(done)

    async def secrets(self) -> tuple[str, ...]:
        """See `EnvFile`."""
        return dotenv.secrets(await self._text())

    async def secret_keys(self) -> tuple[str, ...]:
        """See `EnvFile`."""
        return dotenv.secret_keys(await self._text())

    async def ping(self) -> str:
        """How many keys the file has."""
        return f"{self.path} on {self._host.name} has {len(dotenv.values(await self._text()))} keys, says the helper"

    async def _text(self) -> str:
        done = await self._run("read-env", self.path)
        if done.code:
            raise self._refusal(done)
        try:
            text = json.loads(done.out)
        except ValueError:
            raise IntegrationError(f"The helper on {self._host.name} did not give {self.path} as JSON.") from None
        if not isinstance(text, str):
            raise IntegrationError(f"The helper on {self._host.name} gave something else than {self.path}.")
        return text

    async def _run(self, *words: str, lock: str | None = None) -> Done:
        return await self._host.run((*self._helper, *words), within=_HELPER_WITHIN, lock=lock)

    def _refusal(self, done: Done) -> IntegrationError:
        last = next((line for line in reversed(done.err.splitlines()) if line.strip()), "nothing")
        return IntegrationError(
            f"The helper on {self._host.name} ended with {done.code} and said: {last.strip()[:300]}",
            hint="Check env in its configuration there, and its line in sudoers: see docs/hosts.md.",
        )


def build(config: Config, *, host: Host, data: Path) -> EnvFile:
    """By the helper where one is configured; without one the file has to be on the bot's own machine."""
    if config.helper:
        return HelperEnvFile(config, host=host, data=data)
    if not host.own:
        raise NotConfigured(
            f"{config.path} is on {host.name}, where the bot opens no file by itself: set helper.",
            hint="docs/hosts.md says how the helper is installed.",
        )
    return DotEnvFile(config, data=data)


class _Backups:
    """The former contents of a file, for the bot's user alone."""

    def __init__(self, path: str, data: Path) -> None:
        self._folder = data / "env-backups" / f"{Path(path).name}-{_mark(path)}"

    def keep(self, text: str) -> None:
        """Add one, and drop the oldest beyond five."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._folder / f"{time.time_ns()}.env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(dotenv.encode(text))
        for old in sorted(self._folder.glob("*.env"))[:-_KEPT_BACKUPS]:
            old.unlink(missing_ok=True)


def _mark(path: str) -> str:
    return sha256(path.encode()).hexdigest()[:8]


def _word(value: str | None) -> str:
    return "absent" if value is None else f"={value}"


def _check(text: str, key: str, expected: str | None) -> None:
    current = _key(text, key).value
    if current != expected:
        raise Conflict(f"{key} is {_shown(current)} by now, not {_shown(expected)} as it was planned.")


def _key(text: str, key: str) -> EnvKey:
    own = [entry for entry in dotenv.entries(text) if entry.key == key]
    return EnvKey(key=key, value=own[-1].value if own else None, lines=tuple(entry.line for entry in own))


def _shown(value: str | None) -> str:
    return "absent" if value is None else repr(value)


def _replace(target: Path, content: bytes) -> None:
    """Put `content` in the place of `target` at once: a reader sees the old file or the new one."""
    before = target.stat()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            shutil.copystat(target, fresh)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(descriptor, before.st_uid, before.st_gid)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder itself, which every replica on this machine sees and which leaves no file behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise Conflict(f"Somebody else holds the lock on {folder}.") from error
                time.sleep(_LOCK_POLL)
        yield
    finally:
        os.close(descriptor)


INTEGRATION = Integration(name="env_file", config=Config, build=build, provides=(EnvFile,))
