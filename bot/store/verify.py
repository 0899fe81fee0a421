"""Verify the audit chain from outside the bot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel

from bot.core.errors import Conflict, IntegrationError
from bot.store.chain import START, Chain, Draft, Mark


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is, and `fault`, which is empty when all of it holds; `pruned` is the last seq that was pruned."""

    rows: int
    pruned: int
    head: Mark
    fault: str = ""


def verify(conninfo: str, *, key: bytes, published: Mark | None = None) -> Verdict:
    """Check every row and mark, and that the chain still holds the head that was once `published`.

    Without a published head, somebody who can write to the database may put back an earlier state of all of it
    unnoticed. Raises `IntegrationError` when the database does not answer.
    """
    try:
        with psycopg.connect(conninfo, connect_timeout=5) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            return _walk(connection, Chain(key), published)
    except psycopg.Error as error:
        raise IntegrationError(f"The audit chain cannot be read: {error}") from error


def _walk(connection: Connection[Any], chain: Chain, published: Mark | None) -> Verdict:
    rows, start, last = 0, START, START
    known: set[Mark] = set()
    try:
        head, start = _marks(connection, chain)
        last = start
        known.add(start)
        for last in chain.follow(start, _rows(connection)):
            rows += 1
            if published and last.seq == published.seq:
                known.add(last)
    except Conflict as broken:
        return Verdict(rows, start.seq, last, str(broken))
    except psycopg.DataError:
        return Verdict(rows, start.seq, last, f"An audit row after row {last.seq} cannot be read.")
    fault = ""
    if last != head:
        fault = f"The audit chain ends with row {last.seq}, and its head is row {head.seq}."
    if published and published.seq > last.seq:
        fault = f"Audit rows {last.seq + 1} to {published.seq} are missing."
    elif published and published.seq >= start.seq and published not in known:
        fault = f"The audit chain was rewritten: row {published.seq} is another one."
    return Verdict(rows, start.seq, last, fault)


def _marks(connection: Connection[Any], chain: Chain) -> tuple[Mark, Mark]:
    """The head and the checkpoint; `Conflict` when one was not signed with the key."""
    stored = connection.execute("select name, seq, mac, signature from audit_marks").fetchall()
    marks = {"head": START, "checkpoint": START}
    for name, seq, mac, signature in stored:
        mark = Mark(seq, mac)
        if mark != START and signature != chain.sign(name, mark):
            raise Conflict(f"The {name} of the audit chain was not signed with this key.")
        marks[name] = mark
    return marks["head"], marks["checkpoint"]


def _rows(connection: Connection[Any]) -> Iterator[tuple[Mark, Draft]]:
    with connection.cursor("audit") as cursor:
        cursor.execute("select seq, mac, at, actor, kind, data from audit order by seq")
        for seq, mac, *draft in cursor:
            yield Mark(seq, mac), Draft(*draft)
