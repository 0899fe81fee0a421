"""The configuration: where values come from, and how its faults are told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from bot.core.integration import Integration, IntegrationConfig
from bot.core.people import Role
from bot.settings import Settings, SettingsFault, load

ROOT = Path(__file__).resolve().parents[1]


class PartConfig(IntegrationConfig):
    """A part that a test configures."""

    app: str
    home: str = Field("/srv", pattern="^/")
    token: SecretStr = SecretStr("")


KNOWN = {"manager": Integration("manager", PartConfig, lambda config: config, ())}
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        file = tmp_path / "opsbot.yaml"
        file.write_text(text)
        return file

    return written


def faults(file: Path) -> list[str]:
    with pytest.raises(SettingsFault) as raised:
        load(file, known=KNOWN)
    return [line.removeprefix(f"{file}:") for line in str(raised.value).splitlines()]


def test_nothing_configured_is_valid() -> None:
    assert load(None, known=KNOWN).services == {}


def test_the_environment_wins_over_the_file_and_a_secrets_file_over_both(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "slack__app_token").write_text("xapp-from-file\n")
    monkeypatch.setenv("OPSBOT_SLACK__APP_TOKEN", "xapp-from-environment")
    monkeypatch.setenv("OPSBOT_SLACK__COMMAND", "gw")

    settings = load(write("slack: {command: ops, incident_command: inc}"), known=KNOWN, secrets=secrets)

    assert settings.slack.command == "gw"
    assert settings.slack.incident_command == "inc"
    assert settings.slack.app_token.get_secret_value() == "xapp-from-file"


def test_a_service_has_a_section_for_each_integration(write: Write) -> None:
    settings = load(write("services: {shop: {manager: {app: shop}}}"), known=KNOWN)

    assert settings.services["shop"].parts() == {"manager": PartConfig(app="shop")}


def test_roles_are_configured_by_their_words(write: Write) -> None:
    people = load(write("people: {default_role: viewer, users: {U1: admin}}"), known=KNOWN).people

    assert (people.default_role, people.users) == (Role.VIEWER, {"U1": Role.ADMIN})


def test_all_faults_are_told_at_once_each_with_its_line_and_what_would_be_valid(write: Write) -> None:
    file = write(
        "slak: {}\n"
        "zone: Europe/Berln\n"
        "slack:\n"
        "  transport: carrier\n"
        "people:\n"
        "  default_role: boss\n"
        "services:\n"
        "  shop:\n"
        "    enviroment: prod\n"
        "    manager: {home: relative}\n"
        "schedules:\n"
        "  - {name: daily, channel: C1, when: sometimes, service: nope}\n"
        "  - {name: daily, channel: C1, when: 'weekdays 09:00', grace: 3x}\n"
    )

    told = faults(file)

    expected = [
        "1: slak is not known; did you mean slack?",
        "2: zone is no time zone; did you mean Europe/Berlin?",
        "4: slack.transport input should be 'socket' or 'http'",
        "6: people.default_role is no role; there are nobody, viewer, responder, commander, admin",
        "9: services.shop.enviroment is not known; did you mean environment?",
        "10: services.shop.manager.app is needed",
        "10: services.shop.manager.home string should match pattern '^/'",
        "12: schedules[0].service names no service; there are: shop",
        "13: schedules[1].name is the name of another schedule",
    ]
    assert set(expected) <= set(told)
    assert any(line.startswith('12: schedules[0].when "sometimes" is no schedule') for line in told)
    assert any(line.startswith('13: schedules[1].grace "3x" is not a duration') for line in told)
    assert len(told) == len(expected) + 2


def test_a_key_that_stands_twice_is_a_fault(write: Write) -> None:
    assert faults(write("zone: UTC\nzone: UTC\n")) == ["2: zone stands twice, first on line 1"]


@pytest.mark.parametrize(
    ("text", "place", "variable"),
    [
        pytest.param("slack: {bot_token: xoxb-1}", "slack.bot_token", "OPSBOT_SLACK__BOT_TOKEN", id="slack"),
        pytest.param("database_url: postgres://x", "database_url", "OPSBOT_DATABASE_URL", id="top"),
        pytest.param(
            "services: {shop: {manager: {app: a, token: t}}}",
            "services.shop.manager.token",
            "OPSBOT_SERVICES__SHOP__MANAGER__TOKEN",
            id="service",
        ),
    ],
)
def test_a_secret_in_the_file_is_a_fault_that_says_where_it_belongs(
    write: Write, text: str, place: str, variable: str
) -> None:
    (told,) = faults(write(text))

    assert told == f"1: {place} is a secret and must not stand in the file; set {variable} or a secrets file"


def test_a_secret_is_never_repeated_in_a_fault(write: Write) -> None:
    assert "xoxb-very-secret" not in "".join(faults(write("slack: {bot_token: xoxb-very-secret, transport: x}")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("- a list\n", "has to be a mapping", id="list"),
        pytest.param("a: [1,\n", "is no YAML", id="broken"),
        pytest.param("a: !!python/object:os.system {}\n", "is no YAML", id="a tag that would run code"),
    ],
)
def test_a_file_of_another_form_is_told_in_one_line(write: Write, text: str, said: str) -> None:
    with pytest.raises(SettingsFault, match=said):
        load(write(text), known=KNOWN)


def test_a_file_that_is_missing_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match=r"nowhere\.yaml cannot be read"):
        load(tmp_path / "nowhere.yaml", known=KNOWN)


@given(st.text())
def test_any_text_is_settings_or_a_fault(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")

    with suppress(SettingsFault):
        assert isinstance(load(file, known=KNOWN), Settings)


def test_secrets_of_a_services_parts_are_among_those_that_are_redacted(write: Write, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "services__my-shop__manager__token").write_text("tok-from-a-file")

    settings = load(write("services: {my-shop: {manager: {app: a}}}"), known=KNOWN, secrets=secrets)

    assert settings.secrets() == {"my-shop.manager.token": "tok-from-a-file"}


def test_a_rota_is_configured_by_people_and_the_time_of_the_first_hand_over(write: Write) -> None:
    file = write("on_call: {rota: [U0000ANA, U0000BEN], since: 2026-01-05T09:00, zone: Europe/Berlin}")

    on_call = load(file, known=KNOWN).on_call

    assert on_call.rota == ("U0000ANA", "U0000BEN")
    assert on_call.since == datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001 - a clock time of the place


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{rota: [U0000ANA]}", "needs both rota and since"),
        ("{since: 2026-01-05T09:00}", "needs both rota and since"),
        ("{rota: [U0000ANA], since: 2026-01-05T09:00, group: S0000OPS}", "one of them counts"),
        ("{rota: [your-email@domain.com], since: 2026-01-05T09:00}", "on_call.rota[0]"),
        ("{rota: [U0000ANA], since: '2026-01-05T09:00+01:00'}", "on_call.since"),
    ],
    ids=["no time", "nobody", "two sources", "a placeholder", "an offset"],
)
def test_a_rota_that_means_nothing_is_a_fault(write: Write, text: str, said: str) -> None:
    assert any(said in fault for fault in faults(write(f"on_call: {text}")))
