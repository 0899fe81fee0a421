"""A service's environment file on the bot's machine: one key is read or changed, and no other byte."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from bot.core import dotenv
from bot.core.errors import Conflict, IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import EnvFile, EnvKey

T = TypeVar("T")
_KEPT_BACKUPS = 5
_LOCK_PATIENCE = 10.0  # seconds
_LOCK_POLL = 0.05  # seconds


class Config(IntegrationConfig):
    """The environment file that the service loads when it starts."""

    path: str = Field(title="Path", pattern="^/", description="Absolute path; a symlink is followed and kept.")


class DotEnvFile:
    """Edits are atomic, keep owner and mode, and leave the former content among the five backups in `data`."""

    def __init__(self, config: Config, *, data: Path) -> None:
        self.path = config.path
        self._backups = (
            data / "env-backups" / f"{Path(config.path).name}-{sha256(config.path.encode()).hexdigest()[:8]}"
        )

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
            current = _key(text, key).value
            if current != expected:
                raise Conflict(f"{key} is {_shown(current)} by now, not {_shown(expected)} as it was planned.")
            self._back_up(text)
            _replace(target, dotenv.encode(dotenv.with_value(text, key, value)))

    def _back_up(self, text: str) -> None:
        self._backups.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._backups / f"{time.time_ns()}.env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(dotenv.encode(text))
        for old in sorted(self._backups.glob("*.env"))[:-_KEPT_BACKUPS]:
            old.unlink(missing_ok=True)


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


INTEGRATION = Integration(name="env_file", config=Config, build=DotEnvFile, provides=(EnvFile,))
