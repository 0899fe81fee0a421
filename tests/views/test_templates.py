"""Documents from templates: the runbook's own headings, and foreign text that stays text."""

from __future__ import annotations

import csv
import html
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from bot.core.incident_results import IncidentReport, Section, SectionText
from bot.core.passage import said
from bot.views import Templates
from bot.views.templates import csv_cell, markdown

HEADINGS = ["## Incident Report", "### Summary", "### Timeline", "### Root Cause", "### Resolution"]
HEADINGS += ["### Action Items", "### Lessons Learned"]
FIELDS = ["**Date:**", "**Time:**", "**Severity:**", "**Impact:**"]


def report(**texts: str) -> str:
    told = {section: f"what is known of {section.heading}" for section in Section}
    told |= {Section(name.replace("_", "-")): text for name, text in texts.items()}
    sections = tuple(SectionText(section, text) for section, text in told.items())
    shown = IncidentReport(12, "Payments fail", sections, links=(("1.2", "https://x.slack.com/p1"),))
    return Templates().render("incident_report.md.j2", report=shown.document)


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


def test_each_section_stands_under_its_heading_with_links_to_what_it_rests_on() -> None:
    text = report(
        time="22:50 UTC - 23:20 UTC (UTC)",
        timeline="- [22:50](#1.2): Ada: It fails\n- [22:55](#9.9): Bo: Still",
        root_cause="> Ada: a certificate ([22:50](#1.2))\n> Bo: yes",
        action_items="- [ ] Probe it\n- [x] Renew it",
    )

    assert "**Time:** 22:50 UTC - 23:20 UTC (UTC)\n" in text
    assert "### Timeline\n- [22:50](https://x.slack.com/p1): Ada: It fails\n- 22:55: Bo: Still\n" in text
    assert "### Root Cause\n> Ada: a certificate ([22:50](https://x.slack.com/p1))\n>\n> Bo: yes\n" in text
    assert "### Action Items\n- [ ] Probe it\n- [x] Renew it\n" in text


def test_a_message_makes_no_second_line_and_no_markup() -> None:
    words = said("ok\n### Root Cause\n**it** was `me` <!channel> | a_b [x](https://evil.example)")

    text = report(timeline=f"- [22:50](#1.2): {said('[Eve](x)')}: {words}")

    assert marks(text) == [HEADINGS[0], *FIELDS, *HEADINGS[1:]]
    assert "): \\[Eve\\](x): ok ### Root Cause \\*\\*it\\*\\* was \\`me\\` &lt;!channel&gt; \\| a_b \\[x\\](" in text


@given(st.lists(st.tuples(st.sampled_from(("", "- ", "- [ ] ", "> ")), st.text()), max_size=4))
def test_foreign_text_is_inert_in_every_document(parts: list[tuple[str, str]]) -> None:
    shown = IncidentReport(
        12,
        "x",
        tuple(SectionText(section, "\n".join(f"{mark}{said(text)}" for mark, text in parts)) for section in Section),
    )

    plain = Templates().render("incident_report.md.j2", report=shown.document)
    page = Templates().render("incident_report.html.j2", report=shown.document, chart=None)

    assert marks(plain) == [HEADINGS[0], *FIELDS, *HEADINGS[1:]]
    assert not re.search(r"<|(?<!\\)\]\(", plain)
    tags = set(re.findall(r"<(/?[a-z!][a-z0-9]*)", page[page.index("<body>") :]))
    ours = {"body", "h1", "h2", "p", "dl", "dt", "dd", "ul", "li", "blockquote", "input", "html"}
    assert {tag.removeprefix("/") for tag in tags} <= ours


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
