"""What a report says beside the timeline: severity, impact, cause, resolution, lessons, and who does what."""

from __future__ import annotations

import re
from collections import deque
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
from bot.incidents.weighing import AFFECTED, AFTER, ASKS, FAILS, FIGURES, FINDS, HEDGES, LOOKS, SEVERITY, THE_END
from bot.incidents.weights import Weight, Weights

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


def severity(weights: Weights, conversation: Conversation) -> Quote | None:
    """The last severity that somebody gave it."""
    for number in reversed(weights.having(SEVERITY)):
        unit = weights.units[number]
        if found := severity_in(unit.text):
            return Quote(found.value, unit.main.name, (unit.main.ts,))
    return Quote(conversation.severity, "", ()) if conversation.severity else None


def impact(weights: Weights, conversation: Conversation) -> tuple[Quote, ...]:
    """Who says how many were affected; what comes last mostly sums up."""
    if conversation.impact:
        return (Quote(conversation.impact, "", ()),)
    found = []
    for number in weights.having(FIGURES):
        points, unit = weights[number].points.keys(), weights.units[number]
        hurt = 2 * (AFFECTED in points) + (FAILS in points)
        if hurt and not unit.code and not {ASKS, AFTER} & points and weights.totals[number] > 0:
            found.append((hurt + min(2, unit.figures) + number / len(weights), number))
    best = sorted(number for _, number in sorted(found, reverse=True)[:_MOST])
    return tuple(_quote(weights.units[number]) for number in best)


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


def lessons(weights: Weights) -> tuple[Quote, ...]:
    """What people say they would do better, or were lucky with."""
    asked = set(weights.having(ASKS))
    found = (
        unit
        for number, unit in enumerate(weights.units)
        if unit.kind is None and Cue.LESSON in unit.cues and number not in asked
    )
    return tuple(map(_quote, deque(found, maxlen=_MOST_LESSONS)))


def action_items(weights: Weights, conversation: Conversation) -> tuple[ActionItem, ...]:
    """What somebody takes on or is asked for: in a thread that calls for it, once it is over, or marked as such."""
    ids = {person.name.lower(): key for key, person in conversation.people.items() if not person.bot}
    names = "|".join(re.escape(name) for name in sorted(ids, key=lambda name: (-len(name), name)))
    told = re.compile(
        rf"(?:@(?P<at>{names})\b[:,]?|(?:^|[.;,]\s*|\n)(?P<plain>{names})\s*[:\-\N{{EN DASH}}])\s+", re.IGNORECASE
    )
    roots: set[str] = set()
    found: dict[str, ActionItem] = {}
    end = min(weights.having(THE_END), default=len(weights))
    spoken = ((number, unit) for number, unit in enumerate(weights.units) if unit.kind is None)
    for number, unit in spoken:
        for each in unit.said:
            if len(each.text.split()) <= 2 * _FEW and _CALL_FOR_ITEMS.search(each.text):
                roots.add(each.ts)
            elif number >= end or each.thread_ts in roots or _MARKED.match(each.text):
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
