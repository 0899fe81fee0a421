"""Running the programs of a service on its host, as another user where the bot has the right to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.errors import IntegrationError
from bot.core.ports import Done, Host

READ = timedelta(seconds=20)
"""How long a program that only looks may take."""

_HELD = 75  # what `flock` is told to end with where somebody else holds the lock


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rights programs run with on a host: the bot's own without a `user`; `env` is what each is given."""

    host: Host
    user: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    async def run(
        self,
        argv: Sequence[str],
        *,
        within: timedelta = READ,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        lock: str | None = None,
    ) -> Done:
        """See `Host.run`."""
        env = {**self.env, **(env or {})}
        if not self.user:
            return await self.host.run(argv, within=within, env=env, cwd=cwd, lock=lock)
        argv = as_user(self.user, argv, env=env, locked=lock is not None)
        return await self.host.run(argv, within=within, cwd=cwd, lock=lock)

    async def holder(self, lock: str) -> str:
        """What runs under a lock just now, in the words of its command line; empty when nothing does."""
        tried = await self.host.run(("flock", "-n", "-E", str(_HELD), lock, "true"), within=READ)
        if tried.code == _HELD:
            return (await self.host.run(("cat", lock), within=READ)).out.strip() or "it has not said what it is"
        output(tried, "flock")
        return ""


def output(done: Done, name: str) -> str:
    """All that a program printed; `IntegrationError` when it failed, or printed more than is kept."""
    check(done, name)
    if done.cut:
        raise IntegrationError(f"{name} printed more than is kept.")
    return done.out


def check(done: Done, name: str) -> None:
    """`IntegrationError` with what a program said, when it failed."""
    if done.code:
        raise IntegrationError(f"{name} ended with {done.code} and said: {said(done) or 'nothing'}")


def said(done: Done) -> str:
    """What a program said last, on its standard error if it said anything there; the line of an error before others."""
    lines = [line.strip() for line in (done.err.strip() or done.out).splitlines() if line.strip()]
    return next((line for line in lines if "rror" in line), lines[-1] if lines else "")[:300]


def as_user(user: str, argv: Sequence[str], *, env: Mapping[str, str], locked: bool) -> tuple[str, ...]:
    """`argv` by `sudo -n`, with `env` set on the other side, for sudo begins with an environment of its own.

    sudo closes what it inherits, the lock file too: `timeout 0` before it keeps that open as long as it runs.
    """
    pairs = (f"{name}={value}" for name, value in env.items())
    keeper = ("timeout", "0") if locked else ()
    return (*keeper, "sudo", "-n", "-u", user, "env", *pairs, *argv)
