"""The service's credentials, without a character of any of them."""

from __future__ import annotations

import asyncio
from datetime import datetime

from bot.core.command import Command, Context, ServiceArgs
from bot.core.credentials import Credential, Credentials, FileFacts
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.people import Role
from bot.core.records import Store
from bot.core.results import Check, Checks
from bot.operations.credentials import Burnt, Seen, burnt, remember

_OTHERS_READ, _GROUP_READS = 0o007, 0o070


async def check(
    ctx: Context, _args: ServiceArgs, *, service: Service, credentials: Credentials, store: Store
) -> Checks:
    """Check the keys of the environment file: present, length, fingerprint, changed since, burnt, who may read them.

    No value, and no part of one, is shown, stored or logged.
    """
    file, found = await asyncio.gather(credentials.file(), credentials.look())
    checks = [_readers(credentials.path, file)]
    async with store.transaction() as tx:
        for credential in found:
            out = await burnt(tx, service.name, credential, now=ctx.now)
            before = await remember(tx, service.name, credential, now=ctx.now)
            checks.append(_check(credential, before, out))
    return Checks(
        title=f"Credentials of {service.name}",
        checks=tuple(checks),
        at=ctx.now,
        note="A fingerprint tells that a value changed, and nothing else of it. creds rotate KEY leads to a new one.",
    )


def _readers(path: str, file: FileFacts) -> Check:
    state, evidence = State.OK, path
    if file.mode & (_OTHERS_READ | _GROUP_READS):
        who = "everybody" if file.mode & _OTHERS_READ else "its group"
        state = State.FAIL if file.mode & _OTHERS_READ else State.WARN
        evidence = f"{path} is open to {who} on the host: chmod 600, as {file.owner}."
    return Check("Env file", state, f"mode {file.mode:04o}, owner {file.owner}", "0600", evidence)


def _check(credential: Credential, before: Seen | None, out: Burnt | None) -> Check:
    state, words, evidence = State.OK, [], list(credential.faults)
    if credential.length:
        words = [f"{credential.length} characters", f"fingerprint {credential.fingerprint}"]
    if credential.faults:
        state = State.FAIL if credential.broken else State.WARN
    if len(credential.lines) > 1:
        state = State.worst((state, State.WARN))
        evidence.append(f"lines {', '.join(map(str, credential.lines))} all set it, and the last one counts")
    if before and before.fingerprint != credential.fingerprint:
        state = State.worst((state, State.WARN))
        words.append("changed")
        evidence.append(f"{before.fingerprint or 'absent'} when it was looked at last, at {_moment(before.until)}")
    elif credential.length:
        words.append(f"unchanged since {_moment(before.since)}" if before else "first seen now")
    if out:
        state = State.FAIL
        words.append("BURNT")
        evidence.append(f"this value stood in Slack at {_moment(out.at)}: creds rotate {credential.key}")
    return Check(credential.key, state, ", ".join(words) or "no value", evidence="; ".join(evidence))


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


COMMANDS = (
    Command(("creds", "check"), ServiceArgs, run=check, role=Role.RESPONDER, rows=("F2", "I3"), examples=("",)),
)
