from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from bot.core.errors import Conflict, IntegrationError
from bot.store.chain import START, Mark
from bot.store.postgres import Postgres
from bot.store.verify import verify
from tests.conftest import AUDIT_KEY, Deferred

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
COLUMNS = ("seq", "at", "actor", "kind", "data", "mac")


async def append(store: Postgres, count: int, *, first: int = 1) -> None:
    async with store.transaction() as tx:
        for n in range(first, first + count):
            await tx.audit.append(at=NOW + timedelta(days=n), actor=f"U{n}", kind="command", data={"n": n, "x": 1e22})


def tamper(database: str, *statements: str) -> None:
    with psycopg.connect(database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def fault(database: str, published: Mark | None = None) -> str:
    return verify(database, key=AUDIT_KEY, published=published).fault


async def test_rows_are_linked_in_the_order_in_which_they_were_added(store: Postgres, database: str) -> None:
    await append(store, 2)
    await append(store, 1, first=3)

    async with store.transaction() as tx:
        rows = await tx.audit.recent(limit=2)
        head = await tx.audit.head()

    assert [(row.seq, row.at, row.actor, row.kind, row.data["n"]) for row in rows] == [
        (3, NOW + timedelta(days=3), "U3", "command", 3),
        (2, NOW + timedelta(days=2), "U2", "command", 2),
    ]
    assert head == rows[0]
    verdict = verify(database, key=AUDIT_KEY, published=Mark(rows[1].seq, rows[1].mac))
    assert (verdict.rows, verdict.pruned, verdict.head, verdict.fault) == (3, 0, Mark(3, rows[0].mac), "")


async def test_an_empty_chain_holds(store: Postgres, database: str) -> None:
    async with store.transaction() as tx:
        assert await tx.audit.head() is None

    assert verify(database, key=AUDIT_KEY).head == START


async def test_rows_of_a_transaction_that_failed_leave_no_gap(store: Postgres, database: str) -> None:
    async def append_and_fail() -> None:
        async with store.transaction() as tx:
            await tx.audit.append(at=NOW, actor="U1", kind="command", data={})
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await append_and_fail()
    await append(store, 1)

    assert fault(database) == ""


async def test_what_a_person_types_cannot_break_the_chain(store: Postgres, database: str) -> None:
    async with store.transaction() as tx:
        await tx.audit.append(at=NOW, actor="a\0\ud83d", kind='","', data={"reason": "\0 \ud83d \\u0000", "x": 0.1})

    assert fault(database) == ""


async def test_two_replicas_append_to_one_chain(store: Postgres, database: str, deferred: Deferred) -> None:
    async with Postgres.open(database, defer=deferred, audit_key=AUDIT_KEY) as other, store.transaction() as tx:
        await tx.audit.append(at=NOW, actor="U1", kind="command", data={})
        await append(other, 1)

    assert verify(database, key=AUDIT_KEY).rows == 2
    assert fault(database) == ""


TAMPERED = {
    "an altered row": ("update audit set actor = 'U9' where seq = 2", "Audit row 2 is not what was written"),
    "an altered moment": (
        "update audit set at = at + interval '1 microsecond' where seq = 3",
        "Audit row 3 is not what was written",
    ),
    "a moment beyond all time": ("update audit set at = 'infinity' where seq = 2", "row after row 0 cannot be read"),
    "a removed row": ("delete from audit where seq = 2", "Audit row 2 is missing: after 1 comes 3"),
    "a removed beginning": ("delete from audit where seq < 3", "Audit row 1 is missing: after 0 comes 3"),
    "an inserted row": (
        "insert into audit select 6, at, actor, kind, data, mac from audit where seq = 1",
        "Audit row 6 is not what was written",
    ),
    "a cut tail": ("delete from audit where seq > 3", "ends with row 3, and its head is row 5"),
    "a removed head": ("delete from audit_marks", "ends with row 5, and its head is row 0"),
    "a moved head": (
        """delete from audit where seq > 3;
           update audit_marks set seq = 3, mac = (select mac from audit where seq = 3)""",
        "The head of the audit chain was not signed with this key",
    ),
    "a forged checkpoint": (
        """insert into audit_marks select 'checkpoint', seq, mac, mac from audit where seq = 2;
           delete from audit where seq <= 2""",
        "The checkpoint of the audit chain was not signed with this key",
    ),
}


@pytest.mark.parametrize(("change", "expected"), TAMPERED.values(), ids=TAMPERED.keys())
async def test_verifying_finds(store: Postgres, database: str, change: str, expected: str) -> None:
    await append(store, 5)

    tamper(database, *change.split(";"))

    assert expected in fault(database)


async def test_an_earlier_state_that_was_put_back_is_found_by_the_published_head(
    store: Postgres, database: str
) -> None:
    await append(store, 3)
    tamper(database, "create table old_audit as table audit", "create table old_marks as table audit_marks")
    await append(store, 2, first=4)
    published = verify(database, key=AUDIT_KEY).head

    tamper(
        database,
        "truncate audit, audit_marks",
        "insert into audit table old_audit",
        "insert into audit_marks table old_marks",
    )

    assert fault(database) == ""
    assert fault(database, published) == "Audit rows 4 to 5 are missing."


async def test_a_chain_rewritten_with_the_key_is_found_by_the_published_head(store: Postgres, database: str) -> None:
    await append(store, 3)
    published = verify(database, key=AUDIT_KEY).head

    tamper(database, "truncate audit, audit_marks", "insert into audit_marks values ('head', 0, '', '')")
    await append(store, 4, first=7)

    assert fault(database) == ""
    assert fault(database, published) == "The audit chain was rewritten: row 3 is another one."


async def test_another_key_does_not_verify(store: Postgres, database: str) -> None:
    await append(store, 1)

    assert verify(database, key=b"another").fault == "The head of the audit chain was not signed with this key."


async def test_pruning_leaves_a_checkpoint_that_the_rest_is_verified_from(store: Postgres, database: str) -> None:
    await append(store, 5)
    second = verify(database, key=AUDIT_KEY).head
    async with store.transaction() as tx:
        pruned_mark = (await tx.audit.recent(limit=3))[-1]

    for days in (2, 4):
        async with store.transaction() as tx:
            await tx.audit.prune(before=NOW + timedelta(days=days))
    await append(store, 1, first=6)

    verdict = verify(database, key=AUDIT_KEY, published=second)
    assert (verdict.rows, verdict.pruned, verdict.fault) == (3, 3, "")
    assert fault(database, Mark(pruned_mark.seq, pruned_mark.mac)) == ""
    assert fault(database, Mark(3, "another")) == "The audit chain was rewritten: row 3 is another one."
    assert fault(database, Mark(1, "pruned long ago")) == ""


async def test_a_chain_may_be_pruned_whole_and_go_on(store: Postgres, database: str) -> None:
    await append(store, 2)

    async with store.transaction() as tx:
        await tx.audit.prune(before=NOW + timedelta(days=9))
        await tx.audit.prune(before=NOW + timedelta(days=9))
    whole = verify(database, key=AUDIT_KEY)
    await append(store, 1)

    assert (whole.rows, whole.pruned, whole.fault) == (0, 2, "")
    assert fault(database) == ""


async def test_rows_that_were_tampered_with_are_not_pruned_away(store: Postgres, database: str) -> None:
    await append(store, 3)
    tamper(database, "update audit set kind = 'read' where seq = 1")

    async with store.transaction() as tx:
        with pytest.raises(Conflict, match="row 1 is not what was written"):
            await tx.audit.prune(before=NOW + timedelta(days=9))

    assert verify(database, key=AUDIT_KEY).fault


def test_a_database_that_does_not_answer_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(IntegrationError, match="cannot be read"):
        verify(f"host={tmp_path} dbname=opsbot", key=AUDIT_KEY)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 4), data=st.data())
async def test_any_single_change_of_the_table_is_found(
    store: Postgres, database: str, count: int, data: st.DataObject
) -> None:
    tamper(database, "truncate audit, audit_marks", "insert into audit_marks values ('head', 0, '', '')")
    await append(store, count)
    with psycopg.connect(database, autocommit=True) as connection:
        before = connection.execute("select * from audit order by seq").fetchall()
        seq = data.draw(st.integers(1, count))
        column = data.draw(st.sampled_from([*COLUMNS, "delete"]))
        match column:
            case "delete":
                connection.execute("delete from audit where seq = %s", [seq])
            case "seq":
                connection.execute(
                    "update audit set seq = %s where seq = %s", [count + data.draw(st.integers(1, 9)), seq]
                )
            case "at":
                seconds = data.draw(st.integers(1, 10**6) | st.integers(-(10**6), -1))
                connection.execute(
                    "update audit set at = at + %s where seq = %s", [timedelta(microseconds=seconds), seq]
                )
            case _:
                update = sql.SQL("update audit set {0} = {0} || %s where seq = %s").format(sql.Identifier(column))
                connection.execute(update, [data.draw(TEXT), seq])
        assert connection.execute("select * from audit order by seq").fetchall() != before

    assert fault(database)
