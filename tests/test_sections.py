from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import Settings, SettingsFault, integrations, load

SECRET = "s3cr3t-of-sixteen-or-more"


def configured(folder: Path, text: str, **secrets: str) -> Settings:
    """The settings of a file and of secrets files."""
    file, files = folder / "opsbot.yaml", folder / "secrets"
    file.write_text(text)
    files.mkdir(exist_ok=True)
    for name, value in secrets.items():
        (files / name).write_text(value)
    return load(file, known=integrations(), secrets=files)


def test_sources_of_alerts_are_those_whose_secret_is_set_and_all_secrets_are_redacted(tmp_path: Path) -> None:
    text = "alerts: {channel: C0OPS, routes: {team=pay: C0PAY}}\nincident_webhook: {url: 'https://example.com/x'}\n"
    settings = configured(
        tmp_path,
        text,
        alerts__generic_secret=SECRET,
        alerts__jira_token=SECRET + "2",
        incident_webhook__secret=SECRET + "3",
        dead_man__url="https://example.com/ping/5e1e4b9c",
    )

    assert settings.alerts.secrets() == {"generic": SECRET, "jira": SECRET + "2"}
    assert settings.secrets() == {
        "alerts.generic": SECRET,
        "alerts.jira": SECRET + "2",
        "incident_webhook.secret": SECRET + "3",
        "dead_man.url": "https://example.com/ping/5e1e4b9c",
    }


@pytest.mark.parametrize(
    ("text", "secrets", "said"),
    [
        ("alerts: {channel: ops}", {}, "alerts.channel"),
        ("alerts: {routes: {team: C0PAY}}", {}, "alerts.routes"),
        ("alerts: {}", {"alerts__grafana_token": SECRET}, "name the one that receives alerts"),
        ("alerts: {channel: C0OPS}", {"alerts__grafana_token": "short"}, "too short to keep strangers out"),
        (f"alerts: {{channel: C0OPS, jira_token: {SECRET}}}", {}, "must not stand in the file"),
        (f"dead_man: {{url: 'https://example.com/{SECRET}'}}", {}, "must not stand in the file"),
        ("incident_webhook: {url: 'https://example.com/x'}", {}, "has no secret"),
        ("incident_webhook: {url: 'ftp://example.com/x'}", {}, "incident_webhook.url"),
    ],
)
def test_what_cannot_work_is_told_at_its_place_and_no_secret_with_it(
    tmp_path: Path, text: str, secrets: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsFault) as fault:
        configured(tmp_path, text, **secrets)

    assert said in str(fault.value)
    assert SECRET not in str(fault.value)
