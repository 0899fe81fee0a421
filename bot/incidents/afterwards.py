"""What a report says beside the timeline: severity, impact, cause, resolution, lessons, and who does what."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
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
_SEVERAL = 2
_APOSTROPHE = r"['\N{RIGHT SINGLE QUOTATION MARK}]"
_CALL_FOR_ITEMS = re.compile(
    r"\b(?:to-?dos?|action(?: item)?s?|follow[ -]?ups?|who does what|next steps|maßnahmen|aufgaben|wer macht was|tareas"
    r"|pendientes|tâches|ações)\b",
    re.IGNORECASE,
)
_MARKED = re.compile(r"^\W*(?:to-?do|action(?: item)?|ai|follow[ -]?up|task)\b\s*[:\-\N{EN DASH}]\s*", re.IGNORECASE)
_OWN = re.compile(r"^\W*(?:me|mine|i|ich|moi|yo|eu)\s*[:\-\N{EN DASH}]\s*", re.IGNORECASE)
_MINE = re.compile(
    rf"{_OWN.pattern}|\b(?:i{_APOSTROPHE}?ll|i will|i{_APOSTROPHE}?d like|i{_APOSTROPHE}?m going to|i put"
    r"|taking (?:it|this|that)|ich (?:mache|schreibe)|je (?:m'en occupe|prends)|yo (?:me|lo))\b"
    r"|(?:^|[.,;]\s*)(?:me|mine|on me)(?:,[^.]*)?[.!]?\s*$",
    re.IGNORECASE,
)
_AND = r"\b(?:and|und|et|y|e)"
_CLAUSE = rf"(?:^|[.;,:)]\s*|\n|{_AND}\s+)"
_SIGN = r"\s*[:\-\N{EN DASH}]"
_PROMISES = (
    rf"(?:{_APOSTROPHE}(?:ll\b|[ms](?=\s+going to\b))|(?=\s+(?:will|would like|is going to|puts"
    r"|(?:takes|is taking) (?:it|this|that)|macht|schreibt|s'en occupe|prend|se|lo)\b))"
)
"""What follows the name of somebody who is said to do what `_MINE` tells of oneself."""
_FIRST_NAME = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(rf"(?:[,;.]?\s+{_AND}|[,;.\s])+$", re.IGNORECASE)


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


def root_cause(picked: Sequence[Weight], conversation: Conversation) -> tuple[Quote, ...]:
    """What people say it came from, of what is in the timeline: those who are sure, the later the better.

    Who only says what somebody will do tells no cause.
    """
    promise = re.compile(rf"\W*(?:i|{_any_of(_ids(conversation))}){_PROMISES}", re.IGNORECASE)
    found = []
    for number, weight in enumerate(picked):
        marked = weight.unit.kind is None and bool(weight.unit.main.marked)
        if not (marked or FINDS in weight.points) or {HEDGES, ASKS, AFTER} & weight.points.keys():
            continue
        if not all(promise.match(_MARKED.sub("", each)) for each in forms.sentences(weight.unit.text)):
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
    ids = _ids(conversation)
    names = _any_of(ids)
    told = re.compile(
        rf"(?:@(?P<at>{names})\b[:,]?|{_CLAUSE}(?P<plain>{names})(?:{_SIGN}|{_PROMISES}|\b(?P<bare>)))\s+"
        rf"|{_CLAUSE}(?:(?:me|mine|ich|moi|yo|eu){_SIGN}\s+|(?=i(?:ll\b|{_PROMISES})))",
        re.IGNORECASE,
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
                parts = tuple(_for_others(each, ids, told))
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
    """`@hana a banner text, and @chidi the curl first`, `gus: silence it; oda: no nulls`: an item for each name.

    Names alone tell who does what where there are several, `gus silences it, oda an alert`; then the author's own too.
    """
    begins = list(told.finditer(said.text))
    if len({match["plain"].lower() for match in begins if match["plain"]}) < _SEVERAL:
        begins = [match for match in begins if match["bare"] is None]
    if not any(match["at"] or match["plain"] for match in begins):
        return
    for match, after in zip_longest(begins, begins[1:]):
        text = _JOINED.sub("", said.text[match.end() : after.start() if after else len(said.text)].strip()).strip()
        done = match["bare"] is not None and Cue.DONE in hear(text)
        if len(forms.words_of(text)) >= _FEW - 1 and not done and not forms.asks(text):
            name = match["at"] or match["plain"]
            yield ActionItem(text, _whose(name, ids) if name else said.user, (said.ts,))


def _ids(conversation: Conversation) -> dict[str, str]:
    """Who goes by which name: whole ones, and first ones that are one person's and no common word."""
    whole = {key: person.name for key, person in conversation.people.items() if person.name and not person.bot}
    first = {key: match[0] for key, name in whole.items() if (match := _FIRST_NAME.match(name))}
    bearers = Counter(map(str.casefold, first.values()))
    own = {name: key for key, name in first.items() if bearers[name.casefold()] == 1 and forms.words_of(name)}
    return own | {name: key for key, name in whole.items()}


def _whose(name: str, ids: Mapping[str, str]) -> str:
    """Whose `name` it is, by the rule that found it: `lower` tells others apart than patterns do, `İ` and `i`."""
    return next(who for known, who in ids.items() if re.fullmatch(re.escape(known), name, re.IGNORECASE))


def _any_of(names: Collection[str]) -> str:
    """A pattern of `names`, the longest first; it matches nothing where there are none."""
    return "|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name)))) or "(?!)"


def _quote(unit: Unit) -> Quote:
    return Quote(unit.text, unit.main.name, tuple(each.ts for each in unit.said))
