"""Documents from templates: the runbook's own headings, and foreign text that stays text."""

from __future__ import annotations

import csv
import html
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from bot.core.incident_results import IncidentReport, TimelineEntry
from bot.views import Templates
from bot.views.templates import csv_cell, markdown

AT = datetime(2026, 3, 2, 22, 50, tzinfo=UTC)
HEADINGS = ["## Incident Report", "### Summary", "### Timeline", "### Root Cause", "### Resolution"]
HEADINGS += ["### Action Items", "### Lessons Learned"]
FIELDS = ["**Date:**", "**Time:**", "**Severity:**", "**Impact:**"]


def report(**given: object) -> str:
    values: dict[str, object] = {
        "title": "Payments fail",
        "number": 12,
        "severity": "High",
        "impact": "312 payments",
        "started_at": AT,
        "started_how": "first failed check",
        "ended_at": AT + timedelta(minutes=30),
        "zone": "UTC",
        "summary": ("The provider was away.",),
        "timeline": (TimelineEntry(AT, "Ada", "It fails", permalink="https://x.slack.com/p1"),),
        "resolution": ("Maintenance on",),
        "root_cause": ("A certificate",),
        "action_items": ("Probe it",),
        "lessons": ("Say it sooner",),
    }
    return Templates().render("incident_report.md.j2", report=IncidentReport(**(values | given)))  # type: ignore[arg-type]


def marks(text: str) -> list[str]:
    """Headings and named fields, in their order."""
    starts = (line.split(" ")[0] if line.startswith("**") else line for line in text.splitlines())
    return [start for start in starts if start.startswith(("#", "**"))]


def test_the_report_has_the_headings_of_the_template_in_their_order() -> None:
    assert marks(report()) == [HEADINGS[0], *FIELDS, *HEADINGS[1:]]


def test_the_headings_are_those_of_the_runbook_itself() -> None:
    runbook = Path(__file__).resolve().parents[2].parent / "shared" / "runbook.md"
    if not runbook.exists():
        pytest.skip("the runbook is not beside the checkout")
    template = runbook.read_text().partition("### Incident Report Template")[2].partition("```markdown")[2]

    assert marks(report()) == marks(template.partition("```")[0])


def test_a_complete_report_leaves_nothing_to_do() -> None:
    text = report()

    assert "TODO" not in text
    assert "**Date:** 2026-03-02\n**Time:** 22:50 UTC - 23:20 UTC (UTC; start: first failed check)\n" in text
    assert "- [22:50](https://x.slack.com/p1): Ada: It fails\n" in text
    assert "- [ ] Probe it\n" in text


def test_what_is_unknown_is_a_visible_todo() -> None:
    empty = {"summary": (), "timeline": (), "resolution": (), "root_cause": (), "action_items": (), "lessons": ()}

    text = report(severity="", impact="", ended_at=None, started_how="", **empty)

    assert text.count("TODO: ") == 9
    assert "**Time:** 22:50 UTC - TODO: end time, the incident is still open (UTC)\n" in text


def test_an_incident_over_midnight_has_both_dates_in_the_zone_of_the_report() -> None:
    text = report(zone="Europe/Berlin", ended_at=AT + timedelta(hours=26))

    assert "**Date:** 2026-03-02 to 2026-03-04\n" in text
    assert "**Time:** 2026-03-02 23:50 CET - 2026-03-04 01:50 CET (Europe/Berlin; " in text
    assert "- [2026-03-02 23:50](https://x.slack.com/p1): Ada" in text


def test_the_night_the_clocks_change_shows_both_offsets() -> None:
    night = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

    assert "01:30 CET - 03:30 CEST" in report(
        zone="Europe/Berlin", started_at=night, ended_at=night + timedelta(hours=1)
    )


def test_a_message_makes_no_second_line_and_no_markup() -> None:
    entry = TimelineEntry(
        AT, "[Eve](x)", "ok\n### Root Cause\n**it** was `me` <!channel> | a_b", permalink="javascript:x"
    )

    text = report(timeline=(entry,))

    assert marks(text) == [HEADINGS[0], *FIELDS, *HEADINGS[1:]]
    assert "- 22:50: \\[Eve\\](x): ok ### Root Cause \\*\\*it\\*\\* was \\`me\\` &lt;!channel&gt; \\| a_b\n" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# a", "\\# a"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("12) a", "12\\) a"),
        ("_a_ b_c", "\\_a\\_ b_c"),
        ("5%", "5%"),
    ],
)
def test_what_would_begin_a_heading_or_a_list_is_escaped(text: str, shown: str) -> None:
    assert markdown(text) == shown


@given(st.text())
def test_markdown_stays_on_one_line_and_opens_no_tag(text: str) -> None:
    shown = markdown(text)

    assert len(shown.splitlines()) <= 1 or not set(shown) & {"\n", "\r"}
    assert not {"<", ">"} & {*shown}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_cell_is_read_back_and_is_no_formula(text: str) -> None:
    [[cell]] = list(csv.reader(io.StringIO(csv_cell(text)))) or [[""]]

    assert cell.removeprefix("'") == text.removeprefix("'")
    assert cell.lstrip()[:1] not in {"=", "+", "-", "@"}


@pytest.mark.parametrize(
    ("suffix", "shown"),
    [
        ("md", "\\*&lt;b&gt;\\*"),
        ("html", html.escape("*<b>*")),
        ("csv", '"*<b>*"'),
        ("mrkdwn", "*&lt;b&gt;*"),
    ],
)
def test_each_kind_of_document_has_its_escaper(tmp_path: Path, suffix: str, shown: str) -> None:
    (tmp_path / f"x.{suffix}.j2").write_text("{{ text }}{{ nothing }}")

    assert Templates(tmp_path).render(f"x.{suffix}.j2", text="*<b>*", nothing=None) == shown + (
        '""' if suffix == "csv" else ""
    )


def test_a_kind_of_document_without_an_escaper_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("{{ text }}")

    with pytest.raises(ValueError, match=r"no escaper is known for x\.txt"):
        Templates(tmp_path).render("x.txt", text="a")


def test_a_teams_own_template_comes_first_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "timeline.md.j2").write_text("Ours: {{ timeline }}")

    templates = Templates(tmp_path)

    assert templates.render("timeline.md.j2", timeline="x") == "Ours: x"
    assert templates.render("entries.md.j2") == ""


def test_a_slip_in_a_template_is_an_error_and_not_a_blank(tmp_path: Path) -> None:
    (tmp_path / "x.md.j2").write_text("{{ reprot }}")

    with pytest.raises(UndefinedError, match="reprot"):
        Templates(tmp_path).render("x.md.j2", report=1)


def test_a_template_reaches_nothing_behind_its_values(tmp_path: Path) -> None:
    (tmp_path / "x.md.j2").write_text("{{ text.__class__.__mro__ }}")

    with pytest.raises(SecurityError):
        Templates(tmp_path).render("x.md.j2", text="a")


def test_the_working_folder_has_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "incident_report.md.j2").write_text("not ours")
    monkeypatch.chdir(tmp_path)

    assert report().startswith("## Incident Report\n")
