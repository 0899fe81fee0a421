import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from bot.core.errors import IntegrationError
from bot.store.embedded import EmbeddedPostgres

BOT = """
import pathlib, sys
from bot.store.embedded import EmbeddedPostgres
with EmbeddedPostgres(pathlib.Path(sys.argv[1])) as conninfo:
    print(conninfo, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory, in which no server is left running; not below pytest's folder, which other runs lock."""
    with tempfile.TemporaryDirectory(prefix="opsbot-data-") as name:
        folder = Path(name) / "data"
        yield folder
        if runs(folder):
            with EmbeddedPostgres(folder, stop_always=True):
                pass


@pytest.fixture
def bots(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that were started by `start_bot`; all are ended."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for bot in started:
        bot.kill()
        bot.communicate()


def start_bot(folder: Path, bots: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    bot = subprocess.Popen(
        [sys.executable, "-c", BOT, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    bots.append(bot)
    return bot


def conninfo_of(bot: subprocess.Popen[str]) -> str:
    assert bot.stdout is not None
    return bot.stdout.readline().strip()


def ask(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row and row[0]


def keep_seven(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("create table kept as select 7 as n")


def runs(folder: Path) -> bool:
    return (folder / "pg" / "postmaster.pid").exists()


def test_the_last_one_out_stops_the_server_and_data_and_durability_stay(folder: Path) -> None:
    first, second = EmbeddedPostgres(folder), EmbeddedPostgres(folder)

    with first as conninfo:
        assert second.start() == conninfo
        keep_seven(conninfo)
    running_while_used = runs(folder)
    second.stop()
    second.stop()

    assert (running_while_used, runs(folder)) == (True, False)
    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, "select n from kept") == 7
        assert ask(conninfo, "select current_setting('fsync') || current_setting('synchronous_commit')") == "onon"


def test_one_may_stop_it_though_others_use_it(folder: Path) -> None:
    with EmbeddedPostgres(folder), EmbeddedPostgres(folder, stop_always=True):
        pass

    assert not runs(folder)


def test_a_bot_killed_in_its_first_start_does_not_wedge_the_next(
    folder: Path, bots: list[subprocess.Popen[str]]
) -> None:
    bot = start_bot(folder, bots)
    while not list(folder.glob("pg.new-*/base")):
        time.sleep(0.001)
    family = psutil.Process(bot.pid).children(recursive=True)
    bot.kill()
    psutil.wait_procs(family, timeout=30)

    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, "select 1") == 1
    assert not list(folder.glob("pg.new-*"))


def test_two_bots_at_once_in_an_empty_folder_share_one_server(folder: Path, bots: list[subprocess.Popen[str]]) -> None:
    one, other = start_bot(folder, bots), start_bot(folder, bots)

    conninfo = conninfo_of(one)

    assert conninfo_of(other) == conninfo
    assert ask(conninfo, "select 1") == 1


def test_the_server_of_a_killed_bot_is_attached_to_and_then_stopped(
    folder: Path, bots: list[subprocess.Popen[str]]
) -> None:
    bot = start_bot(folder, bots)
    started = ask(conninfo_of(bot), "select pg_postmaster_start_time()")
    bot.kill()
    bot.wait()

    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, "select pg_postmaster_start_time()") == started
    assert not runs(folder)


def test_a_server_that_died_is_started_again(folder: Path) -> None:
    embedded = EmbeddedPostgres(folder)
    with embedded as conninfo:
        keep_seven(conninfo)
        server = psutil.Process(int((folder / "pg" / "postmaster.pid").read_text().splitlines()[0]))
        family = [server, *server.children()]
        server.kill()
        psutil.wait_procs(family, timeout=10)

        assert ask(embedded.start(), "select n from kept") == 7


def test_a_pid_that_is_another_program_by_now_is_not_taken_for_the_server(folder: Path) -> None:
    pid_file = folder / "pg" / "postmaster.pid"
    with EmbeddedPostgres(folder):
        _pid, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *rest]))

    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, "select 1") == 1


def test_a_server_that_is_still_starting_is_waited_for(folder: Path) -> None:
    pid_file = folder / "pg" / "postmaster.pid"
    with EmbeddedPostgres(folder) as conninfo:
        ready = pid_file.read_text()
        pid_file.write_text(ready.replace("ready", "starting"))
        started = threading.Timer(0.3, pid_file.write_text, [ready])
        started.start()

        with EmbeddedPostgres(folder) as same:
            assert same == conninfo
            assert started.finished.is_set()


def test_a_path_too_long_for_a_socket_is_no_trouble_and_others_cannot_connect(folder: Path) -> None:
    with EmbeddedPostgres(folder / ("long" * 30)) as conninfo:
        assert ask(conninfo, "select 1") == 1
        socket = Path(conninfo.split("host=")[1]) / ".s.PGSQL.5432"
        assert oct(socket.stat().st_mode & 0o777) == "0o700"


def test_a_server_that_does_not_start_is_an_error_that_names_its_log(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    with (folder / "pg" / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")

    with pytest.raises(IntegrationError, match="does not start") as raised:
        EmbeddedPostgres(folder).start()

    assert raised.value.hint == f"See {folder / 'pg' / 'log'}."
