from __future__ import annotations

import gzip
import os
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.backups import Proof
from bot.core.errors import IntegrationError
from integrations import local
from integrations.backups import BackupFolder, Config
from integrations.local import LocalHost
from tests.namespaces import PATH

CONTENT = os.urandom(5000)


def folder(path: Path, **config: object) -> BackupFolder:
    host = LocalHost(local.Config(path=PATH))
    return BackupFolder(Config.model_validate({"folder": str(path), **config}), host=host)


def make(path: Path, name: str, content: bytes, *, at: int = 1_700_000_000) -> Path:
    file = path / name
    file.write_bytes(content)
    os.utime(file, (at, at))
    return file


@pytest.mark.row("K4")
async def test_the_newest_is_told_by_its_time_and_not_by_its_name(tmp_path: Path) -> None:
    make(tmp_path, "z-old.sql", b"a" * 10, at=1_700_000_000)
    make(tmp_path, "a-new.sql", b"b" * 20, at=1_700_086_400)

    newest, older = await folder(tmp_path).newest()

    assert (Path(newest.path).name, newest.size, newest.fault) == ("a-new.sql", 20, "")
    assert newest.made_at == datetime.fromtimestamp(1_700_086_400, UTC)
    assert Path(older.path).name == "z-old.sql"


async def test_what_is_hidden_still_being_written_or_no_file_is_no_backup(tmp_path: Path) -> None:
    for name in (".hidden.sql", "today.sql.gz.part", "today.tmp"):
        make(tmp_path, name, b"x")
    (tmp_path / "folder.sql").mkdir()

    assert await folder(tmp_path).newest() == ()


async def test_a_pattern_and_a_count_choose_some(tmp_path: Path) -> None:
    for day in range(5):
        make(tmp_path, f"payments-{day}.sql", b"x", at=1_700_000_000 + day)
    make(tmp_path, "README", b"x", at=1_800_000_000)

    found = await folder(tmp_path, pattern="payments-*.sql").newest(2)

    assert [Path(backup.path).name for backup in found] == ["payments-4.sql", "payments-3.sql"]


def whole_gzip() -> bytes:
    return gzip.compress(CONTENT)


def whole_zip(tmp_path: Path) -> bytes:
    with zipfile.ZipFile(tmp_path / "made", "w") as file:
        file.writestr("payments.sql", CONTENT)
    content = (tmp_path / "made").read_bytes()
    (tmp_path / "made").unlink()
    return content


@pytest.mark.row("K4")
@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        pytest.param("a.sql", lambda _: b"", "it is empty", id="empty"),
        pytest.param("a.sql.gz", lambda _: whole_gzip(), "", id="gzip"),
        pytest.param("a.sql.gz", lambda _: whole_gzip()[:-20], "it is damaged or cut short", id="gzip cut short"),
        pytest.param("a.tgz", lambda _: b"<html>", "it is no gzip file", id="no gzip"),
        pytest.param("a.zip", whole_zip, "", id="zip"),
        pytest.param("a.zip", lambda path: whole_zip(path)[:-30], "it is no whole zip file", id="zip cut short"),
        pytest.param(
            "a.zip",
            lambda path: whole_zip(path).replace(CONTENT[100:110], b"0123456789"),
            "payments.sql in it is damaged",
            id="zip damaged",
        ),
        pytest.param("a.dump", lambda _: b"PGDMP\x01\x0e", "", id="dump"),
        pytest.param("a.dump", lambda _: b"pg_dump: error", "it is no dump of pg_dump", id="no dump"),
    ],
)
async def test_an_archive_that_is_none_or_not_whole_is_told(
    tmp_path: Path, name: str, content: Callable[[Path], bytes], fault: str
) -> None:
    make(tmp_path, name, content(tmp_path))

    [backup] = await folder(tmp_path).newest()

    assert backup.fault == fault


async def test_of_a_very_large_backup_only_the_beginning_is_read(tmp_path: Path) -> None:
    make(tmp_path, "a.gz", whole_gzip()[:-20])
    make(tmp_path, "b.zip", whole_zip(tmp_path), at=1_600_000_000)

    found = await folder(tmp_path, read_limit=10).newest()

    assert [backup.fault for backup in found] == ["", ""]


async def test_a_folder_that_is_not_there_is_an_error_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(IntegrationError, match="No such file"):
        await folder(tmp_path / "gone").newest()


async def test_a_ping_tells_how_many_there_are(tmp_path: Path) -> None:
    make(tmp_path, "a.sql", b"x")

    assert await folder(tmp_path).ping() == f"1 backups in {tmp_path}"


async def test_an_archive_that_is_too_large_to_be_read_each_time_is_tested_when_it_was_made(tmp_path: Path) -> None:
    cut, whole = make(tmp_path, "a.gz", whole_gzip()[:-20]), make(tmp_path, "b.gz", whole_gzip())
    text = make(tmp_path, "c.sql", b"select 1;")
    backups = folder(tmp_path, read_limit=10)

    assert await backups.prove(str(cut)) == Proof("gzip -t", "it is damaged or cut short")
    assert await backups.prove(str(whole)) == Proof("gzip -t")
    assert await backups.prove(str(text)) == Proof("")


@pytest.mark.skipif(not shutil.which("pg_restore", path=PATH), reason="no pg_restore on this machine")
async def test_a_dump_whose_list_cannot_be_read_is_damaged(tmp_path: Path) -> None:
    dump = make(tmp_path, "a.dump", b"PGDMP\x01\x0e")

    assert await folder(tmp_path).prove(str(dump)) == Proof("pg_restore -l", "it is damaged or cut short")


async def test_a_tool_that_is_not_there_says_nothing_of_the_archive(tmp_path: Path) -> None:
    dump = make(tmp_path, "a.dump", b"PGDMP\x01\x0e")
    host = LocalHost(local.Config(path="/nowhere"))

    with pytest.raises(IntegrationError, match="cannot be run"):
        await BackupFolder(Config(folder=str(tmp_path)), host=host).prove(str(dump))


async def test_names_with_spaces_and_line_breaks_are_names(tmp_path: Path) -> None:
    make(tmp_path, "a b\nc.sql.gz", whole_gzip())
    make(tmp_path, "-d.sql.gz", whole_gzip(), at=1_600_000_000)

    found = await folder(tmp_path).newest()

    assert [Path(each.path).name for each in found] == ["a b\nc.sql.gz", "-d.sql.gz"]
    assert [each.fault for each in found] == ["", ""]


async def test_a_ping_says_when_the_script_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IntegrationError, match="may not be run"):
        await folder(tmp_path, script=str(tmp_path / "gone.sh")).ping()
