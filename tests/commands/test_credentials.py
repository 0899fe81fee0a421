"""The keys of a real environment file, told without a character of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.credentials import Credentials
from bot.core.records import Store
from bot.operations.credentials import burn
from bot.store.postgres import Postgres
from bot.views import render
from integrations.credentials import Config, EnvCredentials
from tests.commands.bench import Bench

KEY = "CROSSMINT_API_KEY"


@pytest.fixture
def credentials(bench: Bench, tmp_path: Path) -> EnvCredentials:
    """The gateway's credentials, two of which are named."""
    data = tmp_path / "keys"
    data.mkdir()
    (data / "audit.key").write_bytes(b"k" * 32)
    config = Config(keys=(KEY, "CROSSMINT_CLIENT_ID", "PAYOUT_TOKEN"))
    found = EnvCredentials(config, env=bench.live.env, host=bench.live.host, data=data)
    bench.ports = {Credentials: found}
    return found


def value_of(bench: Bench, key: str) -> str:
    lines = bench.live.demo.env_file.read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith(f"{key}="))


def set_key(bench: Bench, **values: str) -> None:
    """What a person on the host writes."""
    file = bench.live.demo.env_file
    kept = [line for line in file.read_text().splitlines() if line.partition("=")[0] not in values]
    file.write_text("\n".join([*kept, *(f"{key}={value}" for key, value in values.items())]) + "\n")


def line_of(said: str, key: str) -> str:
    """The line on a key, with the evidence below it."""
    return re.split(r"\n[✓▲✗?] ", said.partition(f" · {key}: ")[2])[0]


@pytest.mark.row("F2")
async def test_each_key_is_told_by_length_and_fingerprint_and_nothing_of_its_value(
    bench: Bench, credentials: EnvCredentials, store: Postgres
) -> None:
    card = await bench.type("creds check")
    shown = render(card).text + json.dumps(render(card).blocks)

    (told,) = await credentials.look(KEY)
    value = value_of(bench, KEY)
    assert f"{len(value)} characters, fingerprint {told.fingerprint}, first seen now" in shown
    async with store._pool.connection() as connection:
        rows = await (await connection.execute("select key, value::text from remembered")).fetchall()
    for text in (shown, str(rows)):
        for piece in (value[start : start + 6] for start in range(8, len(value) - 6)):
            assert piece not in text
        assert value[-4:] not in text


@pytest.mark.row("F2")
async def test_a_key_that_is_wanted_and_absent_is_a_failure(bench: Bench, credentials: EnvCredentials) -> None:
    assert line_of(await bench.says("creds check"), "PAYOUT_TOKEN").startswith("no value\n      it is absent")


@pytest.mark.row("F2")
async def test_a_changed_value_is_told_once_with_the_time_that_it_was_last_the_former_one(
    bench: Bench, credentials: EnvCredentials
) -> None:
    await bench.says("creds check")
    (before,) = await credentials.look(KEY)
    bench.clock.advance(timedelta(hours=3))
    set_key(bench, **{KEY: "sk_demo_fresh0123456789abcdef"})

    changed = line_of(await bench.says("creds check"), KEY)
    after = line_of(await bench.says("creds check"), KEY)

    assert "changed" in changed
    assert f"{before.fingerprint} when it was looked at last" in changed
    assert "unchanged since" in after


@pytest.mark.row("F2")
async def test_every_line_of_a_doubled_key_is_told(bench: Bench, credentials: EnvCredentials) -> None:
    file = bench.live.demo.env_file
    file.write_text(f"{file.read_text().rstrip()}\n{KEY}=sk_demo_second0123456789\n")

    said = line_of(await bench.says("creds check"), KEY)

    (told,) = await credentials.look(KEY)
    assert len(told.lines) == 2
    assert f"lines {told.lines[0]}, {told.lines[1]} all set it, and the last one counts" in said


@pytest.mark.row("F2")
@pytest.mark.parametrize(("mode", "words"), [(0o600, "ok"), (0o640, "open to its group"), (0o644, "open to everybody")])
async def test_who_may_read_the_file_is_told(bench: Bench, credentials: EnvCredentials, mode: int, words: str) -> None:
    bench.live.demo.env_file.chmod(mode)

    said = await bench.says("creds check")

    bench.live.demo.env_file.chmod(0o600)
    assert f"mode {mode:04o}, owner " in said
    assert words in said


async def test_fingerprints_differ_between_bots_and_between_keys(
    bench: Bench, credentials: EnvCredentials, tmp_path: Path
) -> None:
    set_key(bench, ONE_TOKEN="the same value", TWO_TOKEN="the same value")
    other = tmp_path / "other"
    other.mkdir()
    (other / "audit.key").write_bytes(b"o" * 32)
    elsewhere = EnvCredentials(Config(), env=bench.live.env, host=bench.live.host, data=other)

    one, two = await credentials.look("ONE_TOKEN", "TWO_TOKEN")
    (abroad,) = await elsewhere.look("ONE_TOKEN")

    assert len({one.fingerprint, two.fingerprint, abroad.fingerprint}) == 3


@pytest.mark.row("I3")
async def test_a_burnt_key_is_told_as_burnt_until_its_value_is_another(
    bench: Bench, credentials: EnvCredentials, store: Store
) -> None:
    (told,) = await credentials.look(KEY)
    async with store.transaction() as tx:
        await burn(tx, bench.service.name, told, now=bench.clock(), channel="C0OPS", user="U0ANA")

    burnt = line_of(await bench.says("creds check"), KEY)
    set_key(bench, **{KEY: "sk_demo_fresh0123456789abcdef"})
    mended = line_of(await bench.says("creds check"), KEY)

    assert "BURNT" in burnt
    assert f"creds rotate {KEY}" in burnt
    assert "BURNT" not in mended


@pytest.mark.row("I3")
async def test_a_value_is_found_in_a_text_in_any_of_its_forms(bench: Bench, credentials: EnvCredentials) -> None:
    value = value_of(bench, KEY)
    forms: Mapping[str, str] = {"bare": f"try {value} please", "json": json.dumps({"k": value})}

    for text in forms.values():
        assert [found.key for found in await credentials.spilled(text)] == [KEY]
    assert await credentials.spilled(f"try {value[:-1]} please") == ()
