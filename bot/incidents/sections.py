"""The sections of a report, written plainly from what is known; each statement names the message that it rests on.

What nobody said is a line that begins with TODO. Causes and lessons are people's own words and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.core.duration import format_duration
from bot.core.incident_results import Section
from bot.core.passage import TODO, cite, said
from bot.core.reports import DONE, Task
from bot.incidents.acts import worded
from bot.incidents.chosen import Chosen, Moment, Quote, Selection, Source
from bot.incidents.cycles import Reopened

TEMPLATE = "incident_report.md.j2"

LONGEST_ENTRY = 300
"""Characters of a message in the timeline and in a quotation."""

_SHORT = 150
_MOST_PEOPLE = 30
_WITNESSES = 3
"""Messages that are named for a moment; the selection has the best first."""
_MOST_CHANGES = 15


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that the bot made: what it was, what came of it, what was seen, and who asked and approved."""

    key: str
    at: datetime
    title: str
    outcome: str
    seen: tuple[str, ...]
    by: str
    approved_by: str = ""

    @property
    def is_done(self) -> bool:
        """Whether its effect was observed."""
        return self.outcome == "done"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report is written from; `names` are those of people by their Slack ids.

    `severity` and `impact` are what was recorded, resting on `declared`; where they are empty the conversation has its
    say. `figures` are lines on what was measured. Of one that the bot `attended` it knows whether it is over.
    """

    selection: Selection
    zone: str
    title: str = ""
    severity: str = ""
    impact: str = ""
    declared: Source = ()
    declared_by: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    people: tuple[str, ...] = ()
    changes: tuple[Changed, ...] = ()
    figures: tuple[str, ...] = ()
    reopened: tuple[Reopened, ...] = ()
    tasks: tuple[Task, ...] = ()
    attended: bool = True


def write(facts: Facts) -> tuple[tuple[Section, str], ...]:
    """Every section in the order of the template, as `bot.core.passage` describes texts."""
    writer = _Writer(facts)
    return (
        (Section.DATE, writer.date()),
        (Section.TIME, writer.time()),
        (Section.SEVERITY, writer.severity()),
        (Section.IMPACT, writer.impact()),
        (Section.SUMMARY, "\n".join(writer.summary())),
        (Section.TIMELINE, _or_todo("- ", "nothing was recorded", map(writer.entry, facts.selection.entries))),
        (Section.ROOT_CAUSE, writer.quotes(facts.selection.root_cause, "detailed explanation of what caused it")),
        (Section.RESOLUTION, _or_todo("", "steps taken to resolve the incident", writer.resolution())),
        (Section.ACTION_ITEMS, tasks_text(facts.tasks, facts.names)),
        (Section.LESSONS, writer.quotes(facts.selection.lessons, "what we learned from this incident")),
    )


def tasks_text(tasks: Sequence[Task], names: Mapping[str, str]) -> str:
    """The action items, each with its owner and where it was said."""
    return _or_todo("- [ ] ", "preventive measures", (_task(task, names) for task in tasks))


def _task(task: Task, names: Mapping[str, str]) -> str:
    owner = f"owner: {said(names.get(task.owner, task.owner))}" if task.owner else f"{TODO}owner"
    box = "- [x] " if task.state == DONE else "- [ ] "
    where = cite("said here", task.source[0]) if task.source else ""
    return f"{box}{said(task.text, longest=LONGEST_ENTRY)} ({', '.join(filter(None, (owner, where)))})"


def _or_todo(mark: str, what: str, lines: Iterator[str]) -> str:
    return "\n".join(lines) or f"{mark}{TODO}{what}"


class _Writer:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._chosen = facts.selection
        self._zone = ZoneInfo(facts.zone)
        self._start = self._began()
        self._end = self._chosen.resolved
        ends = [at for at in (self._start.at, self._end.at) if at]
        moments = [*ends, *(entry.at for entry in self._chosen.entries)]
        self._days = sorted({at.astimezone(self._zone).date() for at in ends})
        self._one_day = len({at.astimezone(self._zone).date() for at in moments}) <= 1

    def _began(self) -> Moment:
        return self._chosen.started if self._chosen.started.at else self._chosen.detected

    def date(self) -> str:
        if not self._days:
            return f"{TODO}date"
        first, last = self._days[0], self._days[-1]
        return str(first) if first == last else f"{first} to {last}"

    def time(self) -> str:
        ends = "end time, it is not resolved yet" if self._facts.attended else "end time"
        start, end = self._edge(self._start, "start time"), self._edge(self._end, ends)
        hows = [
            f"{name}: {said(moment.how, longest=_SHORT)}{self._where(moment.source[:_WITNESSES])}"
            for name, moment in (("start", self._start), ("end", self._end))
            if moment.at and moment.how
        ]
        return f"{start} - {end} ({'; '.join((self._facts.zone, *hows))})"

    def _edge(self, moment: Moment, what: str) -> str:
        if moment.at is None:
            return f"{TODO}{what}"
        dated = len(self._days) > 1
        return moment.at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M %Z" if dated else "%H:%M %Z")

    def severity(self) -> str:
        if self._facts.severity:
            return f"{self._facts.severity}{self._where(self._facts.declared)}"
        told = self._chosen.severity
        if told:
            return f"{told.text} ({said(told.author)}{self._where(told.source, bracket=False)})"
        return f"{TODO}Critical, High, Medium or Low"

    def impact(self) -> str:
        lines = []
        if self._facts.impact:
            lines.append(f"{said(self._facts.impact)}{self._where(self._facts.declared)}")
        # What was recorded is chosen too, as nobody's words.
        lines += (self._quoted(quote) for quote in self._chosen.impact if quote.source)
        first, *others = lines or [f"{TODO}number of affected users or transactions"]
        return "\n".join((first, *(f"- {line}" for line in (*others, *self._facts.figures))))

    def summary(self) -> Iterator[str]:
        facts, chosen = self._facts, self._chosen
        if facts.title:
            kind = f"{facts.severity} incident" if facts.severity else "Incident"
            by = f", declared by {said(facts.declared_by)}{self._where(facts.declared)}" if facts.declared_by else ""
            yield f'{kind} "{said(facts.title)}"{by}.'
        yield self._lasted()
        for name, moment in (
            ("Started", chosen.started),
            ("Detected", chosen.detected),
            ("Mitigated", chosen.mitigated),
            ("Resolved", chosen.resolved),
        ):
            known = self._clock(moment.at) if moment.at else "unknown"
            yield f"- {name}: {known}, {said(moment.how, longest=_SHORT)}{self._where(moment.source[:_WITNESSES])}"
        for again in facts.reopened:
            ended = f"Taken for resolved at {self._clock(again.ended_at)}, opened" if again.ended_at else "Opened"
            why = f": {said(again.why, longest=_SHORT)}" if again.why else ""
            yield f"- {ended} again at {self._clock(again.at)} by {said(again.by)}{why}{self._where(again.source)}"
        if facts.people:
            more = len(facts.people) - _MOST_PEOPLE
            names = ", ".join(map(said, facts.people[:_MOST_PEOPLE]))
            yield f"Took part: {names}{f' and {more} more' if more > 0 else ''}."
        for change in facts.changes[:_MOST_CHANGES]:
            yield f"- {self._change(change)}"
        if (more := len(facts.changes) - _MOST_CHANGES) > 0:
            yield f"- … and {more} more changes of the service; the timeline has them all."

    def _lasted(self) -> str:
        start, end = self._start.at, self._end.at
        if end is None:
            return "It is not resolved yet." if self._facts.attended else "When it ended is not known."
        if start is None:
            return f"It was resolved at {self._clock(end)}; when it began is not known."
        if end < start:
            return f"Its end, {self._clock(end)}, is before its start, {self._clock(start)}."
        return f"It lasted {format_duration(end - start)}, from {self._clock(start)} to {self._clock(end)}."

    def _change(self, change: Changed) -> str:
        """One change of the service, its outcome in the words of the operation, and what was seen."""
        seen = "; ".join(said(each, longest=_SHORT) for each in change.seen)
        by = f"asked by {said(change.by)}" + (f", approved by {said(change.approved_by)}" if change.approved_by else "")
        outcome = f"{change.outcome}{f', seen: {seen}' if seen else ''}"
        return f"{cite(self._clock(change.at), change.key)} {said(change.title, longest=_SHORT)}: {outcome} ({by})."

    def entry(self, entry: Chosen) -> str:
        text = said(worded(entry.kind, entry.text), longest=LONGEST_ENTRY)
        author = f"{said(entry.author)}: " if entry.author else ""
        first, *others = entry.source or ("",)
        also = f" (also {', '.join(self._links(others))})" if others else ""
        edited = f" (edited by {said(entry.edited_by)})" if entry.edited_by else ""
        return f"- {cite(self._clock(entry.at), first)}: {author}{text}{also}{edited}"

    def quotes(self, quotes: Sequence[Quote], what: str) -> str:
        return _or_todo("", what, map(self.quote, quotes))

    def quote(self, quote: Quote) -> str:
        return f"> {self._quoted(quote)}"

    def _quoted(self, quote: Quote) -> str:
        return f"{said(quote.author)}: {said(quote.text, longest=LONGEST_ENTRY)}{self._where(quote.source)}"

    def resolution(self) -> Iterator[str]:
        told: set[str] = set()
        for quote in self._chosen.resolution:
            told |= set(quote.source)
            yield self.quote(quote)
        for entry in self._chosen.entries:
            if entry.kind == "resolved" and entry.text and not told & set(entry.source):
                yield self.quote(Quote(entry.text, entry.author, entry.source))
        yield from (f"- {self._change(change)}" for change in self._facts.changes if change.is_done)

    def _clock(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%H:%M" if self._one_day else "%Y-%m-%d %H:%M")

    def _where(self, source: Source, *, bracket: bool = True) -> str:
        """The messages that something rests on, each by the time at which it was said."""
        if not source:
            return ""
        links = ", ".join(self._links(source))
        return f" ({links})" if bracket else f", {links}"

    def _links(self, source: Sequence[str]) -> Iterator[str]:
        return (cite(self._label(key), key) for key in source)

    def _label(self, key: str) -> str:
        try:
            at = datetime.fromtimestamp(float(key), UTC)
        except ValueError:
            return "recorded"
        return at.astimezone(self._zone).strftime("%H:%M")
