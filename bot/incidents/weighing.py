"""How much each unit matters: points by rules that look at the form of the conversation first, at words second."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain

from bot.incidents import forms
from bot.incidents.bots import Kind, alert_key, status_in
from bot.incidents.conversation import Conversation
from bot.incidents.lexicon import Cue, hear
from bot.incidents.said_severity import severity_in
from bot.incidents.times import habits_of, times_in
from bot.incidents.units import Unit, Units
from bot.incidents.vocabulary import Vocabulary
from bot.incidents.weights import CLOSED, CLOSES, Weight, Weights

REOPENS = "reopens"
THE_END = "the end"
AFTER = "after the end"
LOOKS = "only looks"
FIGURES = "tells figures"
AFFECTED = "tells who is affected"
FAILS = "tells that something fails"
CODE = "shows code or an error"
FINDS = "finds something"
SEVERITY = "tells the severity"
LEADS = "takes or gives the lead"
ORDERS = "tells several people what to do"
ASKS = "asks"
DONE = "tells what was done"
BETTER = "tells that it is better"
PART = "told with another"
PERSISTS = "tells that it goes on"
AGREED = "agreed to"
ALL_WELL = "tells that all succeed"
HEDGES = "is not sure"
RESULT = "what was done"
ALARM = "an alert"
CLEAR = "an alert is over"
SHIPPED = "a release"
"""Reasons that others ask for."""

_CUES = (
    (FINDS, 1.1, Cue.FINDS),
    ("rules something out", 1.0, Cue.RULES_OUT),
    (FAILS, 0.8, Cue.FAILS),
    (PERSISTS, 0.8, Cue.PERSISTS),
    (AFFECTED, 0.8, Cue.AFFECTED),
    (DONE, 1.2, Cue.DONE),
    (BETTER, 0.8, Cue.BETTER),
)
_FORMS = (
    ("names a ticket", 0.7, forms.names_a_ticket),
    ("quotes somebody", 0.7, forms.quotes),
    ("objects", 1.0, forms.objects),
)
_BOTS = {
    Kind.SHIPPED: (SHIPPED, 0.5, 2.0),
    Kind.OPENED: ("an incident is opened", 3.0, 0.0),
    Kind.STATUS: ("how the incident stands", 3.0, 0.0),
    Kind.BUILD: ("a build", -1.5, 1.0),
    Kind.OTHER: ("a bot", -0.5, 1.0),
}
"""Reason, points, and the most that is added for being about what people talk of."""

_ENDS = frozenset({"resolved", "closed"})

_FADES = 0.6
"""What each further hint of one message counts of the one before: a long message has them all."""

_SILENCE = timedelta(minutes=5)
_PAUSE = timedelta(minutes=6)
"""A silence after which people talk of something else."""

_AROUND = timedelta(minutes=5)
_NEWS = timedelta(seconds=100)
_AT_ONCE = 4
"""Messages after one in which others answer at once."""

_DISCUSSED = 3
_LONG = 30
"""Words of a message that has said something of everything by chance: what it has of more counts less."""

_LITTLE = 2
_SURE = 2.0
"""Points of somebody who says more than one word to close, or leads, more than."""

_STATEMENT = 3
"""Words of the shortest statement."""

_WORD = re.compile(r"[^\W\d_]+")
_ASKED = re.compile(r"[^.!?\n]*\?|[.!\n]")


@dataclass(slots=True)
class _Channel:
    """What the rules know of the whole conversation."""

    units: Sequence[Unit]
    vocabulary: Vocabulary
    leaders: frozenset[str]
    names: frozenset[str]
    replies: Counter[str]
    closing: Mapping[int, float]
    fired: set[tuple[str, ...]] = field(default_factory=set)
    actors: set[str] = field(default_factory=set)
    spoken: set[str] = field(default_factory=set)


def weigh(units: Units, conversation: Conversation) -> Weights:
    """Points for each unit, in the same order."""
    people = (person.name.lower() for person in conversation.people.values() if not person.bot)
    names = frozenset(word for name in people for word in _WORD.findall(name))
    leaders = find_leaders(units)
    channel = _Channel(
        units=units,
        vocabulary=Vocabulary(units, names),
        leaders=leaders,
        names=names,
        replies=Counter(unit.thread for unit in units if unit.thread),
        closing={number: _closing(unit, lead=unit.author in leaders) for number, unit in _closers(units)},
    )
    end, habits = _end(channel.closing, len(units)), habits_of(units, conversation)
    fired: frozenset[tuple[str, ...]] = frozenset()
    weights = Weights(units, stir=_stir(units, names))
    for number, (unit, crowd) in enumerate(zip(units, _crowd(units.times), strict=True)):
        weight = Weight(unit, times=times_in(unit, conversation, habits, over=number > end))
        if unit.kind:
            _weigh_bot(weight, channel, number)
        else:
            _weigh_person(weight, channel, number)
        if Cue.ELSEWHERE in unit.cues and "prod" not in unit.text:
            weight.add("of another place", -2.5 if unit.kind else -1.2)
        weight.add("many talk around it", 0.3 * math.log(crowd))
        weight.add("others react to it", math.log1p(sum(len(who) for who in unit.main.reactions.values())))
        if number < weights.stir and unit.kind != Kind.ALARM:
            weight.add("before anybody cared", -2.0)
        if number == end:
            weight.add(THE_END, 1.2)
            fired = frozenset(channel.fired)
        elif number > end and not _goes_on(weight, fired):
            weight.add(AFTER, -2.0)
        weights.append(weight)
    return weights


def _closers(units: Sequence[Unit]) -> Iterator[tuple[int, Unit]]:
    """Who says that it is over."""
    heard = (each for each in enumerate(units) if not {Cue.CLOSES, Cue.OVER}.isdisjoint(each[1].cues))
    return (each for each in heard if each[1].kind is None or status_in(each[1].text) in _ENDS)


def _end(closing: Mapping[int, float], units: int) -> int:
    """The last word that it is over, without an if; where nobody says one, what would be the next unit."""
    said = [number for number, points in closing.items() if points > CLOSED]
    sure = [number for number in said if closing[number] > _SURE]
    return (sure or said or [units])[-1]


def _goes_on(weight: Weight, fired: Collection[tuple[str, ...]]) -> bool:
    """Whether it is still of the incident though it comes after the end: most is of another matter."""
    again = weight.unit.kind == Kind.ALARM and alert_key(weight.unit.text) in fired
    return again or weight.unit.kind == Kind.RESULT or REOPENS in weight.points


def _weigh_bot(weight: Weight, channel: _Channel, number: int) -> None:
    unit = weight.unit
    shared = channel.vocabulary.shared_with_people(number)
    if unit.kind == Kind.RESULT:
        weight.add(RESULT, 4.2)
        weight.add(LOOKS, -1.6 * (Cue.LOOKS in hear(unit.text)))
        channel.actors.add(unit.author)
    elif unit.kind in {Kind.ALARM, Kind.CLEAR}:
        _weigh_alert(weight, channel, shared)
    elif unit.author in channel.actors:
        weight.add("what came of it", 3.0 if Cue.FINISHED in unit.cues else min(2.0, shared))
    else:
        reason, points, most = _BOTS[unit.kind or Kind.OTHER]
        weight.add(reason, points + min(most, 0.7 * shared))
    if unit.kind in {Kind.RESULT, Kind.STATUS} and status_in(unit.text) == "reopened":
        weight.add(REOPENS, 1.0)
    if unit.part:
        weight.add(PART, -2.5)
    if unit.kind != Kind.RESULT and _explained_away(channel.units, number):
        weight.add("explained away", -2.5)


def _weigh_alert(weight: Weight, channel: _Channel, shared: float) -> None:
    """The first of its kind weighs most; what nobody talks of is of something else."""
    key = alert_key(weight.unit.text)
    if weight.unit.kind == Kind.CLEAR:
        weight.add(CLEAR, 2.4 if key in channel.fired else 0.0)
    else:
        first = 2.4 if channel.fired else 3.2
        weight.add(ALARM, 1.6 if key in channel.fired else first)
        channel.fired.add(key)
    weight.add("about what people talk of", min(1.2, 0.4 * shared) if shared else -1.5)


def _weigh_person(weight: Weight, channel: _Channel, number: int) -> None:
    unit = weight.unit
    lead = unit.author in channel.leaders
    topic = channel.vocabulary.topic(number)
    for place, (points, reason) in enumerate(sorted(_hints(unit, topic, lead=lead), reverse=True)):
        weight.add(reason, points * _FADES**place)
    for reason, points in chain(
        _deeds(weight, topic, channel.closing.get(number, 0.0)),
        _doubts(unit, words=len(channel.vocabulary.of(number))),
        _roles(unit, channel, lead=lead),
    ):
        weight.add(reason, points)
    weight.add("brings up what others take up", min(1.2, 0.4 * channel.vocabulary.brought_up(number)))
    weight.add("about what others talk of", min(1.2, 0.8 * topic * _brevity(unit)))
    weight.add("answered at once", _noticed(channel.units, number))
    weight.add("after a silence", _silence(channel.units, number))
    if weight.times and Cue.BEGAN not in unit.cues:
        weight.add("tells when", 0.8)
    if unit.author not in channel.spoken:
        weight.add("first word of its author", -0.5)
        channel.spoken.add(unit.author)
    if channel.replies and channel.replies.get(unit.main.ts, 0) >= _DISCUSSED:
        weight.add("others discuss it", 0.6)


def _hints(unit: Unit, topic: float, *, lead: bool) -> Iterator[tuple[float, str]]:
    """What its words and figures hint at; words count less the less it is about what others talk of."""
    scale = _scale(topic) * _brevity(unit)
    for reason, points, cue in _CUES:
        if cue in unit.cues:
            yield points * scale, reason
    if Cue.DECIDES in unit.cues:
        yield (1.4 if lead else 0.5) * scale, "decides"
    if unit.code:
        yield 1.4 * scale, CODE
    if unit.figures:
        yield min(1.5, 0.9 * unit.figures), FIGURES
    if forms.tells_that_all(unit.text):
        yield 1.2, ALL_WELL
    if forms.tells_a_change(unit.text):
        yield 1.0, "tells a change"


def _scale(topic: float) -> float:
    """What words count for that are as much as `topic` about what others talk of."""
    return min(1.0, 0.4 + 0.6 * topic)


def _brevity(unit: Unit) -> float:
    """What words count for in a message of that length."""
    return min(1.0, _LONG / max(1, unit.length))


def _deeds(weight: Weight, topic: float, closing: float) -> Iterator[tuple[str, float]]:
    """What a message does to the incident by being said."""
    unit = weight.unit
    if severity_in(unit.text):
        yield SEVERITY, 2.2
    if Cue.BEGAN in unit.cues and weight.times:
        yield "tells a time", 1.4
    yield CLOSES, closing
    if Cue.REOPENS in unit.cues:
        yield REOPENS, 2.0
    for reason, points, form in _FORMS:
        if form(unit.text):
            yield reason, points
    if unit.corrected:
        yield "corrected", 0.8
    if unit.answers:
        yield AGREED, 1.6 * _scale(topic)
    if unit.main.broadcast:
        yield "told the channel out of a thread", 1.2
    if unit.main.files:
        yield "shows a file", 0.5


def _doubts(unit: Unit, *, words: int) -> Iterator[tuple[str, float]]:
    """What takes weight away: questions, plans, guesses, and too few words to say anything."""
    if unit.asks and not unit.code:
        states = any(len(part.split()) > _STATEMENT for part in _ASKED.split(unit.text))
        yield ASKS, -0.5 if unit.answers or states else -1.8
    if Cue.INTENDS in unit.cues or forms.begins(unit.text):
        yield "intends", -0.8
    if Cue.HEDGES in unit.cues:
        yield HEDGES, -1.0
    if unit.part:
        yield PART, -2.5
    if words <= _LITTLE and not unit.code and not unit.figures:
        yield "says little", -1.0


def _roles(unit: Unit, channel: _Channel, *, lead: bool) -> Iterator[tuple[str, float]]:
    """Who speaks, and to whom."""
    if lead:
        yield "leads", 0.4
    if Cue.LEADS in unit.cues:
        yield LEADS, 2.0
    if unit.called:
        yield "was asked for", 0.8
    if lead and unit.length > _AT_ONCE and Cue.YES in hear(" ".join(unit.text.split()[:2])):
        yield "says yes to something", 1.0
    if _names_several(unit, channel.names):
        yield ORDERS, 1.8 if lead else 1.1


def _names_several(unit: Unit, names: frozenset[str]) -> bool:
    """Whether it names more than one of the others."""
    named = names & {*_WORD.findall(unit.text.lower())}
    return len(named) > 1 and len(named.difference(_WORD.findall(unit.main.name.lower()))) > 1


def _stir(units: Sequence[Unit], names: frozenset[str]) -> int:
    """Where the talk begins in which somebody takes the lead or says how bad it is: before it people talk of else."""
    said = ((number, unit) for number, unit in enumerate(units) if unit.kind is None)
    first = next(
        (n for n, unit in said if Cue.LEADS in unit.cues or severity_in(unit.text) or _names_several(unit, names)), 0
    )
    while first and units[first].at - units[first - 1].end <= _PAUSE:
        first -= 1
    return first


def _crowd(times: Sequence[float]) -> Iterator[int]:
    """How many are said around each of them."""
    around = _AROUND.total_seconds()
    return (bisect_right(times, at + around) - bisect_left(times, at - around) for at in times)


def _closing(unit: Unit, *, lead: bool) -> float:
    """Points for saying that it is over; few where that comes with an if or a not."""
    if unit.kind:
        return 2.4
    share = 1.0 if lead or unit.length >= _STATEMENT else 0.5
    for place, sentence in enumerate(forms.sentences(forms.unquoted(unit.main.text))):
        cues = hear(sentence)
        words = len(sentence.split())
        alone = Cue.OVER in cues and ((place > 0 and words == 1) or forms.ends_the_incident(sentence))
        if (alone or Cue.CLOSES in cues) and not forms.asks(sentence):
            return share * (2.4 if Cue.NOT_YET not in cues else 0.6)
    return 0.0


def _noticed(units: Sequence[Unit], number: int) -> float:
    """Short words of others right after it: they take note."""
    unit = units[number]
    found = 0
    for after in units[number + 1 : number + 1 + _AT_ONCE]:
        if after.at - unit.end > _NEWS:
            break
        found += after.author != unit.author and after.kind is None and after.length <= _AT_ONCE
    return min(0.8, 0.4 * found)


def _silence(units: Sequence[Unit], number: int) -> float:
    """Who speaks first, or after some minutes of silence, mostly has something to tell."""
    if not number:
        return 0.8
    gap = (units[number].at - units[number - 1].end) / _SILENCE
    return min(0.6, 0.3 * math.log2(1 + gap)) if gap >= 1 else 0.0


def _explained_away(units: Sequence[Unit], number: int) -> bool:
    """Whether somebody says right after a bot that it does not matter."""
    at = units[number].at
    return any(
        after.kind is None and Cue.EXPECTED in after.cues and after.at - at <= timedelta(minutes=3)
        for after in units[number + 1 : number + 3]
    )


def find_leaders(units: Sequence[Unit]) -> frozenset[str]:
    """Who leads: who says so, and who speaks to most others by name."""
    score: Counter[str] = Counter()
    for unit in units:
        if unit.kind is None:
            score[unit.author] += 3 * (Cue.LEADS in unit.cues) + unit.text.count("@")
    most = max(score.values(), default=0)
    return frozenset(who for who, points in score.items() if points >= max(3, most / 3))
