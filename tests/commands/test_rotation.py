"""A rotation on the real gateway: the file, the workers and the provider are looked at, and the rest is said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from bot.core.credentials import Credentials
from bot.core.errors import Conflict, NotFound
from bot.core.fleet import Fleet
from bot.core.parts import State
from bot.core.people import AUTOMATIC
from bot.core.provider import Probed, Provider
from bot.core.records import Store
from bot.core.registry import bind
from bot.core.results import Checklist, ChecklistState, StepState
from bot.operations.credentials import burn
from bot.operations.engine import Engine
from bot.views import render
from integrations.credentials import EnvCredentials
from tests.commands.bench import CHIEF, Bench
from tests.commands.test_credentials import KEY, credentials, set_key  # noqa: F401 - a fixture
from tests.commands.test_provider import WELL, FakeProvider
from tests.fixtures_gateway import pm2_cli


@dataclass
class KeyedProvider(FakeProvider):
    """A provider whose probe says of our key what `accepts` says."""

    accepts: list[bool | None] = field(default_factory=lambda: [True])

    async def probe(self) -> Probed | None:
        return Probed(State.OK, "reachable (405)", 405, 0.1, self.accepts[0])


@pytest.fixture
def sandbox(bench: Bench, credentials: EnvCredentials) -> KeyedProvider:  # noqa: F811
    """The provider that takes our key."""
    provider = KeyedProvider(WELL)
    bench.ports = {Credentials: credentials, Provider: provider}
    return provider


async def click(bench: Bench, verb: str, row_id: str) -> Checklist:
    """What the card becomes when somebody clicks."""
    engine = bench.engine
    ports = {Store: bench.store, Engine: engine, Fleet: Fleet((bench.service,))}
    result = await bind(bench.registry.clicks[verb].run, ports)(bench.context(CHIEF), row_id)
    assert isinstance(result, Checklist)
    return result


async def opened(bench: Bench, key: str = KEY) -> Checklist:
    card = await bench.type(f"creds rotate {key}")
    assert isinstance(card, Checklist)
    return card


async def press(bench: Bench, card: Checklist, label: str) -> Checklist:
    button = next(each for each in card.buttons if each.label == label)
    return await click(bench, button.verb, button.row_id)


def labels(card: Checklist) -> list[str]:
    return [button.label for button in card.buttons]


def states(card: Checklist) -> list[str]:
    return [item.state.value for item in card.items]


async def said_to_be_written(bench: Bench) -> Checklist:
    card = await press(bench, await opened(bench), "The new key is made")
    return await press(bench, card, "It is in the env file")


@pytest.mark.row("I3")
@pytest.mark.timeout(120)
async def test_a_rotation_from_the_new_key_to_the_revoked_one(bench: Bench, sandbox: KeyedProvider) -> None:
    card = await said_to_be_written(bench)
    assert states(card)[:3] == ["done", "done", "waiting"]
    assert "It is the same value still" in str(card.items[2].evidence)
    assert labels(card) == ["Look again", "Close the rotation"]

    set_key(bench, **{KEY: "sk_demo_fresh0123456789abcdef"})
    card = await press(bench, card, "Look again")
    assert states(card) == ["done", "done", "done", "waiting", "done", "waiting"]
    assert "2 of 2 workers run since before: reload." in str(card.items[3].evidence)

    await asyncio.sleep(1.1)  # the file's time is in whole seconds
    await bench.run("reload new key")
    card = await press(bench, await opened(bench), "The old key is revoked")

    assert card.state is ChecklistState.DONE
    assert states(card) == ["done"] * 6
    assert [bool(item.by) for item in card.items] == [True, True, False, False, False, True]
    assert "sk_demo_fresh" not in render(card).text
    async with bench.store.transaction() as tx:
        trail = [(row.actor, row.data["what"]) for row in await tx.audit.recent() if row.kind == "rotation"]
    assert (CHIEF.user_id, "said: revoked") in trail
    assert (AUTOMATIC.user_id, "observed: loaded") in trail


@pytest.mark.row("I3")
async def test_there_is_one_open_rotation_of_a_key_and_whoever_asks_sees_it(
    bench: Bench, sandbox: KeyedProvider
) -> None:
    first = await press(bench, await opened(bench), "The new key is made")

    again = await opened(bench)
    other = await opened(bench, "CROSSMINT_WEBHOOK_SECRET")

    assert (again.items, again.notes) == (first.items, first.notes)
    assert states(other)[0] == "waiting"
    assert "none" in await bench.says("creds rotate")


@pytest.mark.row("I3")
async def test_the_old_key_is_revoked_last_and_what_is_seen_is_not_said(bench: Bench, sandbox: KeyedProvider) -> None:
    await opened(bench)
    async with bench.store.transaction() as tx:
        (row,) = await tx.checklists.opened(kind="rotation", service=bench.service.name)
        items = {item.name: item for item in await tx.checklists.items(row.id)}

    with pytest.raises(Conflict, match="Before that: A new key is made"):
        await click(bench, "rotation.tick", items["revoked"].id)
    await said_to_be_written(bench)
    with pytest.raises(Conflict, match="I look for myself"):
        await click(bench, "rotation.tick", items["changed"].id)


@pytest.mark.row("I3")
@pytest.mark.parametrize("value", ["your-api-key", '"unbalanced0123456789'])
async def test_a_new_value_that_cannot_work_is_a_failure(bench: Bench, sandbox: KeyedProvider, value: str) -> None:
    card = await said_to_be_written(bench)
    set_key(bench, **{KEY: value})

    card = await press(bench, card, "Look again")

    assert card.items[2].state is StepState.FAILED
    assert value not in render(card).text


@pytest.mark.row("I3")
async def test_a_new_value_that_stood_in_slack_does_not_count(bench: Bench, sandbox: KeyedProvider) -> None:
    card = await said_to_be_written(bench)
    set_key(bench, **{KEY: "sk_demo_fresh0123456789abcdef"})
    port = bench.service.port(Credentials)
    (present,) = await port.look(KEY)
    async with bench.store.transaction() as tx:
        await burn(tx, bench.service.name, present, now=bench.clock(), channel="C0OPS", user="U0ANA")

    card = await press(bench, card, "Look again")

    assert card.items[2].state is StepState.FAILED
    assert "make another one" in str(card.items[2].evidence)


@pytest.mark.row("I3")
async def test_a_provider_that_refuses_the_key_holds_the_rotation_up(bench: Bench, sandbox: KeyedProvider) -> None:
    card = await said_to_be_written(bench)
    set_key(bench, **{KEY: "sk_demo_fresh0123456789abcdef"})
    sandbox.accepts = [False]

    card = await press(bench, card, "Look again")

    assert card.items[4].state is StepState.FAILED


@pytest.mark.row("I3")
@pytest.mark.timeout(120)
async def test_where_the_provider_does_not_let_on_a_person_says_it(bench: Bench, sandbox: KeyedProvider) -> None:
    sandbox.accepts = [None]
    card = await said_to_be_written(bench)
    set_key(bench, **{KEY: "sk_demo_fresh0123456789abcdef"})
    await asyncio.sleep(1.1)
    await bench.run("reload new key")

    card = await press(bench, card, "Look again")
    assert card.items[4].state is StepState.UNVERIFIED
    card = await press(bench, card, "I saw the provider take it")

    assert card.items[4].by == CHIEF.user_id
    assert "The old key is revoked" in labels(card)


@pytest.mark.row("I3", "G4")
@pytest.mark.timeout(120)
async def test_a_value_that_pm2_hands_on_itself_is_told_for_a_reload_changes_nothing(
    bench: Bench, sandbox: KeyedProvider
) -> None:
    demo = bench.live.demo
    ecosystem = demo.app_dir / "ecosystem.config.js"
    before = ecosystem.read_text()
    ecosystem.write_text(before.replace("NODE_ENV:", f"{KEY}: 'sk_demo_handed0123456789', NODE_ENV:"))
    pm2_cli(demo, "delete", "all")
    assert pm2_cli(demo, "start", "ecosystem.config.js", "--env", "production").returncode == 0
    ecosystem.write_text(before)
    card = await said_to_be_written(bench)
    set_key(bench, **{KEY: "sk_demo_fresh0123456789abcdef"})

    card = await press(bench, card, "Look again")
    pm2_cli(demo, "delete", "all")

    assert card.items[3].state is StepState.FAILED
    assert "a reload changes nothing" in str(card.items[3].evidence)
    assert "sk_demo_handed" not in render(card).text


@pytest.mark.row("I3")
async def test_a_closed_rotation_takes_no_more_clicks_and_a_new_one_may_begin(
    bench: Bench, sandbox: KeyedProvider
) -> None:
    card = await opened(bench)
    tick = next(button for button in card.buttons if button.verb == "rotation.tick")

    closed = await press(bench, card, "Close the rotation")
    late = await click(bench, "rotation.tick", tick.row_id)
    anew = await opened(bench)

    assert closed.state is late.state is ChecklistState.CANCELLED
    assert closed.buttons == ()
    assert states(late) == ["waiting"] * 6
    assert anew.state is ChecklistState.OPEN


async def test_what_was_typed_for_a_name_is_not_repeated(bench: Bench, sandbox: KeyedProvider) -> None:
    with pytest.raises(NotFound) as error:
        await bench.type("creds rotate sk_demo_0123456789abcdef")

    assert "sk_demo" not in f"{error.value} {error.value.hint}"
