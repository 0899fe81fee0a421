"""`opsbot run` from a configuration: the three jobs through the door, and an orderly end."""

from __future__ import annotations

import signal

import pytest

from bot.demo.gateway import Gateway
from bot.demo.outside import look
from bot.demo.workspace import Seen
from tests.app.conftest import Installation
from tests.waiting import until

STOPS_WITHIN = 10.0


def ended(outcome: str) -> str:
    return f"{outcome} · crypto-payment-gateway"


async def confirmed(installation: Installation, line: str) -> Seen:
    """Type a change and confirm its plan."""
    person, channel = installation.ana, installation.channel
    await person.command(channel, line)
    plan = await person.wait_for(channel, "Confirm and run", 15)
    await person.click(plan, "Confirm and run")
    return plan


@pytest.mark.timeout(180)
async def test_the_everyday_commands_answer_from_a_real_gateway(installation: Installation) -> None:
    await installation.start()
    answers = {
        "/ops status": "2 of 2 online",
        "/ops health": "dependencies",
        "/ops logs 2": "last 2 lines",
        "/ops contacts": "placeholder",
        "/ops checks": "Success rate",
        "/ops active": "",
        "/incident list": "No incident is open",
    }

    for line, said in answers.items():
        turn = await installation.ana.command(installation.channel, line)
        assert not turn.timed_out
        assert said in (await turn.reply(timeout=15)).plain()


@pytest.mark.row("G6")
@pytest.mark.timeout(180)
async def test_maintenance_is_seen_from_outside_and_undone_with_a_button(
    installation: Installation, demo: Gateway
) -> None:
    await installation.start()
    before = await look(demo)

    await confirmed(installation, "/ops maintenance on 10m provider down")
    card = await installation.ana.wait_for(installation.channel, ended("done"), 60)
    during = await look(demo)
    await installation.ana.click(card, "Undo")
    plan = await installation.ana.wait_for(
        installation.channel, lambda seen: "Turn maintenance off" in seen.plain() and bool(seen.buttons()), 15
    )
    await installation.ana.click(plan, "Confirm and run")
    await installation.ana.wait_for(
        installation.channel,
        lambda seen: "Turn maintenance off" in seen.plain() and ended("done") in seen.plain(),
        60,
    )
    after = await look(demo)

    assert during.keeps_customers_out
    assert before.online.isdisjoint(during.online)
    assert after.serves_customers


async def test_signed_http_does_the_same_as_socket_mode(installation: Installation) -> None:
    installation.settings["slack"]["transport"] = "http"
    secrets = installation.file.parent / "secrets"
    (secrets / "slack__signing_secret").write_text(installation.workspace.signing_secret)
    bot = await installation.start()
    installation.workspace.request_url = f"http://127.0.0.1:{bot.port}/slack/events"

    turn = await installation.ana.command(installation.channel, "/ops status")

    assert await installation.workspace.verify_request_url()
    assert "2 of 2 online" in (await turn.reply(timeout=15)).plain()


async def test_the_bot_says_that_it_lives_and_is_ready_and_what_it_counted(installation: Installation) -> None:
    bot = await installation.start()
    turn = await installation.ana.command(installation.channel, "/ops help")
    await turn.reply(timeout=10)

    await until(lambda: _is_ready(installation))

    assert (await bot.get("/healthz"))[0] == 200
    assert "opsbot_requests_total" in (await bot.get("/metrics"))[1]


async def _is_ready(installation: Installation) -> bool:
    return (await installation.bots[-1].get("/readyz"))[0] == 200


async def test_a_stop_in_idleness_is_quick_and_takes_no_payload_any_more(installation: Installation) -> None:
    bot = await installation.start()

    seconds = await bot.stop()

    assert bot.process.returncode == 0
    assert seconds < STOPS_WITHIN
    assert installation.workspace.connections == 0


@pytest.mark.timeout(180)
async def test_a_stop_in_the_middle_of_a_reload_is_left_to_the_next_start(
    installation: Installation, demo: Gateway
) -> None:
    bot = await installation.start()
    await confirmed(installation, "/ops maintenance on 10m provider down")
    await installation.ana.wait_for(installation.channel, "running · Reload", 30)

    seconds = await bot.stop()
    await installation.start()
    await installation.ana.wait_for(installation.channel, ended("done"), 60)

    assert seconds < STOPS_WITHIN + 5, "a host command runs: it is given its budget and then left"
    assert (await look(demo)).keeps_customers_out


@pytest.mark.row("G7")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_maintenance_ends_by_itself_though_the_bot_was_away_at_the_time(
    installation: Installation, demo: Gateway, number: signal.Signals
) -> None:
    bot = await installation.start()
    await confirmed(installation, "/ops maintenance on 20s provider down")
    await installation.ana.wait_for(installation.channel, ended("done"), 60)
    bot.send(number)
    await bot.process.wait()
    assert (await look(demo)).keeps_customers_out

    await installation.start()
    await installation.ana.wait_for(
        installation.channel,
        lambda seen: "Turn maintenance off" in seen.plain() and ended("done") in seen.plain(),
        90,
    )

    assert (await look(demo)).serves_customers
    cards = [seen for seen in installation.ana.sees(installation.channel) if "Turn maintenance off" in seen.plain()]
    assert len([card for card in cards if ended("done") in card.plain()]) == 1
