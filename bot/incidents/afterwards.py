"""What a report says beside the timeline: severity, impact, cause, resolution, lessons, and who does what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from bot.incidents import forms
from bot.incidents.bots import Kind
from bot.incidents.chosen import ActionItem, Quote
from bot.incidents.conversation import Conversation, Said
from bot.incidents.course import Course
from bot.incidents.lexicon import Cue, hear
from bot.incidents.said_severity import severity_in
from bot.incidents.units import Unit
from bot.incidents.weighing import AFFECTED, AFTER, ASKS, FAILS, FIGURES, FINDS, HEDGES, LOOKS, THE_END, Weight

_MOST = 3
_MOST_LESSONS = 6
_FEW = 3
_CALL_FOR_ITEMS = re.compile(
    r"\b(?:to-?dos?|action(?: item)?s?|follow[ -]?ups?|who does what|next steps|maßnahmen|aufgaben|wer macht was|tareas"
    r"|pendientes|tâches|ações)\b",
    re.IGNORECASE,
)
_MARKED = re.compile(r"^\W*(?:to-?do|action(?: item)?|ai|follow[ -]?up|task)\b\s*[:\-\N{EN DASH}]\s*", re.IGNORECASE)
_OWN = re.compile(r"^\W*(?:me|mine|i|ich|moi|yo|eu)\s*[:\-\N{EN DASH}]\s*", re.IGNORECASE)
_MINE = re.compile(
    rf"{_OWN.pattern}|\b(?:i'?ll|i will|i'?d like|i'?m going to|i put|taking (?:it|this|that)|ich (?:mache|schreibe)"
    r"|je (?:m'en occupe|prends)|yo (?:me|lo))\b|(?:^|[.,;]\s*)(?:me|mine|on me)(?:,[^.]*)?[.!]?\s*$",
    re.IGNORECASE,
)
_JOINED = re.compile(r"(?:[,;.]?\s+(?:and|und|et|y|e)|[,;.\s])+$", re.IGNORECASE)


def severity(weights: Sequence[Weight], conversation: Conversation) -> Quote | None:
    """The last severity that somebody gave it."""
    for weight in reversed(weights):
        main = weight.unit.main
        found = severity_in(weight.unit.text) if weight.unit.kind is None else None
        if found:
            return Quote(found.value, main.name, (main.ts,))
    return Quote(conversation.severity, "", ()) if conversation.severity else None


def impact(weights: Sequence[Weight], conversation: Conversation) -> tuple[Quote, ...]:
    """Who says how many were affected; what comes last mostly sums up."""
    if conversation.impact:
        return (Quote(conversation.impact, "", ()),)
    found = []
    for number, weight in enumerate(weights):
        points, unit = weight.points.keys(), weight.unit
        if FIGURES not in points or unit.code or {ASKS, AFTER} & points or weight.total <= 0:
            continue
        hurt = 2 * (AFFECTED in points) + (FAILS in points)
        if hurt:
            found.append((hurt + min(2, unit.figures) + number / len(weights), number))
    best = sorted(number for _, number in sorted(found, reverse=True)[:_MOST])
    return tuple(_quote(weights[number].unit) for number in best)


def root_cause(picked: Sequence[Weight]) -> tuple[Quote, ...]:
    """What people say it came from, of what is in the timeline: those who are sure, the later the better."""
    found = []
    for number, weight in enumerate(picked):
        marked = weight.unit.kind is None and bool(weight.unit.main.marked)
        if (marked or FINDS in weight.points) and not {HEDGES, ASKS, AFTER} & weight.points.keys():
            strength = 2 * (Cue.CAUSE in weight.unit.cues) + marked + number / len(picked)
            found.append((strength, number))
    best = sorted(number for _, number in sorted(found, reverse=True)[:_MOST])
    return tuple(_quote(picked[number].unit) for number in best)


def resolution(picked: Sequence[Weight], course: Course) -> tuple[Quote, ...]:
    """The changes that ended it, and the words that closed it."""
    began, ended = course.mitigated.at, course.resolved.at
    if began is None:
        return ()
    changes = [
        weight.unit
        for weight in picked
        if weight.unit.kind in {Kind.RESULT, Kind.SHIPPED}
        and LOOKS not in weight.points
        and began <= weight.unit.main.at
        and (ended is None or weight.unit.main.at <= ended)
    ]
    closing = [weight.unit for weight in picked if THE_END in weight.points]
    return tuple(_quote(unit) for unit in (*changes[:_MOST], *closing))


def lessons(weights: Sequence[Weight]) -> tuple[Quote, ...]:
    """What people say they would do better, or were lucky with."""
    found = (weight for weight in weights if weight.unit.kind is None and Cue.LESSON in weight.unit.cues)
    return tuple(_quote(weight.unit) for weight in found if ASKS not in weight.points)[-_MOST_LESSONS:]


def action_items(weights: Sequence[Weight], conversation: Conversation) -> tuple[ActionItem, ...]:
    """What somebody takes on or is asked for: in a thread that calls for it, once it is over, or marked as such."""
    ids = {person.name.lower(): key for key, person in conversation.people.items() if not person.bot}
    names = "|".join(re.escape(name) for name in sorted(ids, key=lambda name: (-len(name), name)))
    told = re.compile(
        rf"(?:@(?P<at>{names})\b[:,]?|(?:^|[.;,]\s*|\n)(?P<plain>{names})\s*[:\-\N{{EN DASH}}])\s+", re.IGNORECASE
    )
    roots: set[str] = set()
    found: dict[str, ActionItem] = {}
    over = False
    for weight in weights:
        over = over or THE_END in weight.points
        for each in weight.unit.said:
            if weight.unit.kind is not None:
                continue
            if len(each.text.split()) <= 2 * _FEW and _CALL_FOR_ITEMS.search(each.text):
                roots.add(each.ts)
            elif over or each.thread_ts in roots or _MARKED.match(each.text):
                parts = tuple(_for_others(each, ids, told)) if names else ()
                for item in parts or _own(each, called=each.thread_ts in roots):
                    found.setdefault(item.text.lower(), item)
    return tuple(found.values())


def _own(said: Said, *, called: bool) -> Iterator[ActionItem]:
    """What somebody takes on without naming anybody, or writes down for nobody yet."""
    if forms.asks(said.text) or len(forms.words_of(said.text)) < _FEW:
        return
    if _MARKED.match(said.text):
        yield ActionItem(_MARKED.sub("", said.text).strip(), "", (said.ts,))
    elif _MINE.search(said.text):
        yield ActionItem(_OWN.sub("", said.text).strip(), said.user, (said.ts,))
    elif called and not {Cue.YES, Cue.LESSON} & hear(said.text):
        yield ActionItem(said.text.strip(), "", (said.ts,))


def _for_others(said: Said, ids: Mapping[str, str], told: re.Pattern[str]) -> Iterator[ActionItem]:
    """`@hana a banner text, and @chidi the curl first`, `gus: silence it; oda: no nulls`: an item for each name."""
    begins = list(told.finditer(said.text))
    for match, after in zip_longest(begins, begins[1:]):
        text = _JOINED.sub("", said.text[match.end() : after.start() if after else len(said.text)].strip()).strip()
        if len(forms.words_of(text)) >= _FEW - 1 and not forms.asks(text):
            yield ActionItem(text, ids[(match["at"] or match["plain"]).lower()], (said.ts,))


def _quote(unit: Unit) -> Quote:
    return Quote(unit.text, unit.main.name, tuple(each.ts for each in unit.said))
