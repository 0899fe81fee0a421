"""Running as another user of the host, where the bot has the right to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def as_user(user: str, argv: Sequence[str], *, env: Mapping[str, str], locked: bool) -> tuple[str, ...]:
    """`argv` by `sudo -n`, with `env` set on the other side, for sudo begins with an environment of its own.

    sudo closes what it inherits, the lock file too: `timeout 0` before it keeps that open as long as it runs.
    """
    pairs = (f"{name}={value}" for name, value in env.items())
    keeper = ("timeout", "0") if locked else ()
    return (*keeper, "sudo", "-n", "-u", user, "env", *pairs, *argv)
