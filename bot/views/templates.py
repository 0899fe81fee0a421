"""The one Jinja environment: sandboxed, and with one escaper for each kind of document, chosen by its suffix."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import structlog
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from bot.core.charts import Chart
from bot.core.mrkdwn import escape as mrkdwn
from bot.core.mrkdwn import is_safe_url
from bot.core.mrkdwn import mrkdwn as line
from bot.core.passage import Passage
from bot.core.prose import Channel, Person, When
from bot.views.charts import draw
from bot.views.passages import as_html, as_markdown, as_text

_INSTALLED = Path(__file__).resolve().parents[2] / "templates"
"""Installed beside the `bot` package; the working folder has no say in it."""

_FAULTS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError)
"""What a slip in a template comes to."""

log = structlog.get_logger(__name__)

_MARKS = re.compile(r"[\\`*\[\]~|]|(?<![^\W_])_|_(?![^\W_])|^[#+=-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
_ONE_LINE = re.compile(r"\s*[\r\n\u2028\u2029\v\f\x85]+\s*")


def markdown(text: str) -> str:
    """Foreign text for Markdown: no mark-up, no HTML, no mention and no second line comes out of it."""
    text = _ONE_LINE.sub(" ", text).strip()
    return mrkdwn(_MARKS.sub(r"\\\g<0>", text))


def one_line(text: str) -> str:
    """Foreign text for plain text: no second line and no control character comes out of it."""
    return "".join(each for each in _ONE_LINE.sub(" ", text).strip() if each.isprintable())


def csv_cell(text: str) -> str:
    """Foreign text as one quoted cell; a spreadsheet takes none of it for a formula."""
    formula = text.lstrip()[:1] in {"=", "+", "-", "@"}
    return '"' + ("'" if formula else "") + text.replace('"', '""') + '"'


ESCAPERS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {".md.j2": markdown, ".html.j2": html.escape, ".csv.j2": csv_cell, ".mrkdwn.j2": mrkdwn, ".txt.j2": one_line}
)


class Templates:
    """Templates by name: those of `folder` first, where a team has its own, then those that come with the bot.

    Where one of a team's own has a fault the bot's is used, and said in Markdown: nothing is lost for a slip in it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._installed = _environment(_INSTALLED)
        self._environment = _environment(folder, _INSTALLED) if folder else self._installed

    def render(self, template: str, **values: object) -> str:
        """The template filled in; everything foreign in `values` is escaped for the template's suffix."""
        try:
            return self._environment.get_template(template).render(values)
        except _FAULTS as error:
            if self._folder is None or not (_INSTALLED / template).is_file():
                raise
            log.error("template of the team has a fault", template=template, error=str(error))  # noqa: TRY400 - it is theirs
            told = (
                f"> Your template {markdown(template)} has a fault: {markdown(str(error))}. This is the bot's own.\n\n"
            )
            text = self._installed.get_template(template).render(values)
            return told + text if template.endswith(".md.j2") else text

    def faults(self) -> Mapping[str, str]:
        """What is wrong with a team's own templates, by name; what only shows when one is filled in is not among it."""
        found = {}
        for path in sorted(self._folder.glob("*.j2")) if self._folder else ():
            try:
                self._environment.get_template(path.name)
            except TemplateError as error:
                found[path.name] = str(error)
        return found


def _environment(*folders: Path) -> ImmutableSandboxedEnvironment:
    # autoescape makes Jinja keep apart what is text and what is mark-up; finalize is what escapes
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"link": link, "local": local, "picture": picture}
    environment.filters |= {"when": when, "person": person, "channel": channel}
    return environment


@pass_context
def _finalize(context: Context, value: object) -> Markup:
    """Each printed value, made inert for the kind of document that it is printed in."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, Passage):
        return Markup(_passage(value, context.name or ""))  # noqa: S704 - escaped part by part
    return Markup(_escaper(context.name or "")("" if value is None else str(value)))  # noqa: S704 - escaped right here


def _passage(passage: Passage, name: str) -> str:
    if name.endswith(".md.j2"):
        return as_markdown(passage.rows, markdown)
    return as_html(passage.rows) if name.endswith(".html.j2") else as_text(passage.rows, _escaper(name))


def _escaper(name: str) -> Callable[[str], str]:
    for suffix, escaper in ESCAPERS.items():
        if name.endswith(suffix):
            return escaper
    raise ValueError(f"no escaper is known for {name}: its name has to end with one of {', '.join(ESCAPERS)}")


@pass_context
def link(context: Context, text: str, url: str) -> Markup:
    """`text`, linked to `url` where there is one and it is safe to click on; Markdown only."""
    shown = _escaper(context.name or "")(text)
    if not is_safe_url(url):
        return Markup(shown)  # noqa: S704 - escaped above
    return Markup(f"[{shown}]({url.replace('(', '%28').replace(')', '%29')})")  # noqa: S704 - as above, and no bracket


def when(at: datetime) -> Markup:
    """A moment in the zone of whoever reads it; Slack's mrkdwn only, like the two below."""
    return Markup(line((When(at, date=True),)))  # noqa: S704 - made from a moment


def person(user_id: str) -> Markup:
    """A Slack user as a mention; an id that is none is shown as text."""
    return Markup(line((Person(user_id),)))  # noqa: S704 - escaped by `mrkdwn`


def channel(channel_id: str) -> Markup:
    """A Slack channel as a link to it; an id that is none is shown as text."""
    return Markup(line((Channel(channel_id),)))  # noqa: S704 - escaped by `mrkdwn`


def local(at: datetime, zone: str) -> datetime:
    """A moment in the zone of the report."""
    return at.astimezone(ZoneInfo(zone))


def picture(chart: Chart) -> str:
    """A chart as an address that holds the picture itself, for a page that is read anywhere."""
    return f"data:image/png;base64,{base64.b64encode(draw(chart)).decode()}"
