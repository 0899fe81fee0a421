"""When it started, was detected, mitigated and resolved, each with how that is known; what nobody told stays open."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.incidents import forms
from bot.incidents.bots import Kind, status_in
from bot.incidents.chosen import Moment, Source
from bot.incidents.conversation import Conversation
from bot.incidents.lexicon import Cue
from bot.incidents.times import Time
from bot.incidents.units import Unit
from bot.incidents.weighing import (
    AFFECTED,
    AFTER,
    AGREED,
    ALARM,
    ALL_WELL,
    ASKS,
    BETTER,
    CLEAR,
    CODE,
    DONE,
    FAILS,
    FIGURES,
    LOOKS,
    PERSISTS,
    REOPENS,
    RESULT,
    SHIPPED,
    THE_END,
)
from bot.incidents.weights import Weight, Weights

_ALIKE = timedelta(minutes=3)
"""Times this near each other are told of one moment."""

_HIDDEN = timedelta(hours=12)
_LONGEST_HIDDEN = timedelta(days=7)
_HEEDS = timedelta(minutes=30)
_ANSWERED = timedelta(minutes=10)
"""How soon people take up an alert, and what one of them reports."""

_REPORTED = timedelta(hours=4)
_CHANGE_BEFORE = timedelta(hours=2)
_CALM = timedelta(minutes=30)
_SOON = timedelta(minutes=20)
_LOOK_BACK = 6
"""Units before one that it may refer to."""

_MATTERS = 2.4
"""Points of an alert or a report that is of the incident."""

_SURE = 5.0
"""Points of a change that surely is one."""

_STANDS = 2.0
"""Points of a bot's message that is of the incident."""

_TURNS = (ALARM, CLEAR, RESULT, SHIPPED, REOPENS, PERSISTS, BETTER, ALL_WELL, DONE, AGREED)
"""Reasons of what may turn an incident, or tells which way it goes."""

_SAYS = frozenset({Kind.RESULT, Kind.STATUS})
_FOR = re.compile(r"\bfor (\d{1,3}) ?(m|min|minutes|h|hours?)\b", re.IGNORECASE)
_OUR_START = re.compile(r"\b(?:that'?s|this is|is|=)\s+(?:our|the)\s+(?:start|beginning)\b", re.IGNORECASE)
_WELL_SINCE = re.compile(
    r"\b(?:ok|okay|fine|good|quiet|flat|stable|clean|healthy|green|normale?|back|up|recovered|gone|stabil|ruhig|läuft|bien"
    r"|estable)\b[^.;]{0,12}\b(?:since|seit|depuis|desde)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Course:
    """The moments of an incident."""

    started: Moment
    detected: Moment
    mitigated: Moment
    resolved: Moment


@dataclass(frozen=True, slots=True)
class _Claim:
    """Somebody says, or a bot shows, that it was at `at`; the stronger the claim the more it counts."""

    at: datetime
    strength: float
    how: str
    source: Source


def read_course(weights: Weights, conversation: Conversation) -> Course:
    """The moments; what was recorded counts more than what was said, and the last word on it more than the first."""
    detected = _detected(weights, conversation)
    started = _strongest(list(_starts(weights, detected.at)) if detected.at else [])
    resolved = _resolved(weights, conversation)
    return Course(
        started=started or Moment(detected.at, "when it was noticed: nobody said when it began", detected.source),
        detected=detected,
        mitigated=_mitigated(weights, started.at if started else detected.at, resolved.at),
        resolved=resolved,
    )


def _detected(weights: Weights, conversation: Conversation) -> Moment:
    """The first alert that matters and that somebody heeds, or the first person who reports something before it."""
    for number, weight in enumerate(weights):
        unit = weight.unit
        if weight.total <= _MATTERS:
            continue
        if number < weights.stir and unit.kind is None:
            continue
        if not _heeded(weights.units, number):
            continue
        if unit.kind == Kind.ALARM:
            return Moment(unit.at, f"first alert, by {unit.main.name}", (unit.main.ts,))
        if unit.kind == Kind.OPENED:
            return _opened(weights, number)
        if unit.kind is None and (number == weights.stir or {FAILS, AFFECTED, CODE} & weight.points.keys()):
            return _noticed(weight) or Moment(unit.at, f"reported by {unit.main.name}", (unit.main.ts,))
    if conversation.declared_at:
        return Moment(conversation.declared_at, "declared")
    first = next((unit.main for unit in weights.units if unit.kind is None), None)
    return Moment(first.at, f"first message, by {first.name}", (first.ts,)) if first else Moment(None, "nobody spoke")


def _opened(weights: Weights, number: int) -> Moment:
    """When a bot says that an incident is declared; earlier where people then tell when they noticed it."""
    main = weights.units[number].main
    for after in range(number + 1, min(len(weights), number + 1 + _LOOK_BACK)):
        told = _noticed(weights[after])
        if told and told.at and told.at < main.at and weights.units[after].at - main.at <= _ANSWERED:
            return told
    return Moment(main.at, f"declared, says {main.name}", (main.ts,))


def _noticed(weight: Weight) -> Moment | None:
    """When it was noticed, as somebody tells."""
    main = weight.unit.main
    if weight.unit.kind is not None:
        return None
    told = (time.at for time in weight.times if Cue.NOTICED in time.cues and main.at - time.at < _REPORTED)
    first = next(told, None)
    return Moment(first, f"told by {main.name}", (main.ts,)) if first else None


def _heeded(units: Sequence[Unit], number: int) -> bool:
    """Whether somebody else speaks soon after it, or nobody ever does: at night an alert stands there for hours."""
    main = units[number].main
    later = (units[after].main for after in range(number + 1, len(units)) if units[after].kind is None)
    after = next((each.at for each in later if each.author != main.author), main.at)
    return after - main.at <= (_HEEDS if units[number].kind else _ANSWERED)


def _starts(weights: Weights, detected: datetime) -> Iterator[_Claim]:
    """What people say of its beginning, which is not after it was noticed, and what bots show of it."""
    for number, unit in enumerate(weights.units):
        before = range(max(0, number - _LOOK_BACK), number)
        times = [time for time in weights.times.get(number, ()) if _may_be_start(time, detected)]
        if not times and Cue.STARTS in unit.cues and _OUR_START.search(unit.text):
            yield from _meant(weights, before, unit, detected)
        for time in times:
            strength = _strength(weights, number, time, before)
            yield _Claim(time.at, strength, f"told by {unit.main.name}", _source(unit))
        if unit.kind == Kind.ALARM and unit.at == detected and (lasted := _FOR.search(unit.text)):
            size = timedelta(minutes=1) if lasted[2].lower().startswith("m") else timedelta(hours=1)
            yield _Claim(unit.at - int(lasted[1]) * size, 0.5, f"measured by {unit.main.name}", _source(unit))
        if unit.kind == Kind.SHIPPED and timedelta() < detected - unit.at < _CHANGE_BEFORE:
            yield _Claim(unit.at, 0.8, f"the change before it, told by {unit.main.name}", _source(unit))


def _source(unit: Unit) -> Source:
    return tuple(each.ts for each in unit.said)


def _strength(weights: Weights, number: int, time: Time, before: Sequence[int]) -> float:
    """How surely a time that the `number`th unit tells is that of the beginning."""
    strength = 0.3
    unit = weights.units[number]
    if unit.kind is not None:
        return strength  # what a bot counts from is its own window
    if Cue.STARTS in time.cues or (time.begins and _sums_up(weights[number])):
        strength = 3.0
    elif _asked_when([weights.units[each] for each in before], unit.author):
        strength = 2.5
    elif Cue.BEGAN in time.cues:
        strength = 1.8
    if Cue.HEDGES in time.cues or forms.asks(unit.main.text):
        strength *= 0.5
    return strength + 0.5 * unit.corrected


def _sums_up(weight: Weight) -> bool:
    """Whether its author looks back on all of it."""
    return weight.closes or AFTER in weight.points


def _may_be_start(time: Time, detected: datetime) -> bool:
    """Not after it was noticed; and of days before only where somebody says that it began then."""
    hidden = _LONGEST_HIDDEN if Cue.STARTS in time.cues else _HIDDEN
    return detected - hidden <= time.at <= detected + timedelta(minutes=1)


def _asked_when(before: Sequence[Unit], author: str) -> bool:
    """Whether somebody else had just asked when it was."""
    return any(Cue.WHEN in unit.cues and unit.author != author for unit in before[-3:])


def _meant(weights: Weights, before: Sequence[int], unit: Unit, detected: datetime) -> Iterator[_Claim]:
    """The last time that was told in the same thread, by whoever says "that is our start" of it."""
    thread = unit.main.thread_ts
    for number in reversed(before):
        main = weights.units[number].main
        if not thread or thread in {main.thread_ts, main.ts}:
            for time in weights.times.get(number, ()):
                if _may_be_start(time, detected):
                    yield _Claim(time.at, 3.0, f"told by {unit.main.name}", (unit.main.ts, main.ts))
                    return


def _strongest(claims: Sequence[_Claim]) -> Moment | None:
    """The claim that most others agree with, and of those that agree the strongest and latest said."""
    if not claims:
        return None
    ordered = sorted(claims, key=lambda claim: (claim.at, claim.source))
    best, most, begin, support = ordered[0], 0.0, 0, 0.0
    end = 0
    for claim in ordered:
        while end < len(ordered) and ordered[end].at - claim.at <= _ALIKE:
            support += ordered[end].strength
            end += 1
        while claim.at - ordered[begin].at > _ALIKE:
            support -= ordered[begin].strength
            begin += 1
        if (round(support, 6), claim.strength) > (most, best.strength):
            best, most = claim, round(support, 6)
    agreeing = [claim for claim in ordered if abs(claim.at - best.at) <= _ALIKE]
    main = max(agreeing, key=lambda claim: (claim.strength, claim.source))
    others = (key for claim in agreeing for key in claim.source)
    return Moment(main.at, main.how, tuple(dict.fromkeys((*main.source, *others))))


def _resolved(weights: Weights, conversation: Conversation) -> Moment:
    """What was recorded; else the last word of somebody that it is over, which nobody took back; else the all-clear."""
    if conversation.resolved_at:
        return Moment(conversation.resolved_at, "resolved with the bot")
    last = max(weights.having(REOPENS, THE_END), default=None)
    if last is not None and REOPENS not in weights[last].points:
        main = weights.units[last].main
        return Moment(main.at, f"said by {main.name}", (main.ts,))
    for number in reversed(range(len(weights))):
        unit = weights.units[number]
        if unit.kind == Kind.CLEAR and weights.totals[number] > _STANDS:
            return Moment(unit.at, f"last all-clear, by {unit.main.name}: nobody closed it", (unit.main.ts,))
    return Moment(None, "nobody said that it is over")


def _mitigated(weights: Weights, started: datetime | None, resolved: datetime | None) -> Moment:
    """What people say ended the impact, else the change after which it was better."""
    trouble = max((n for n in weights.having(ALARM, PERSISTS, REOPENS) if _is_trouble(weights[n])), default=-1)
    for number in range(len(weights) - 1, trouble, -1):
        unit = weights.units[number]
        if unit.kind is None and Cue.FALSE_ALARM in unit.cues:
            return Moment(None, f"nothing to mitigate: a false alarm, says {unit.main.name}", (unit.main.ts,))
    best = max(_mitigations(weights, started), key=lambda claim: (claim.strength, claim.at, claim.source), default=None)
    if best:
        return Moment(best.at, best.how, best.source)
    times = weights.units.times
    found = _turn(weights, bisect_left(times, resolved.timestamp()) if resolved else len(times))
    if found is None:
        return Moment(None, "nobody said what ended the impact")
    main = weights.units[found].main
    how = "the change after which it was better" if _is_change(weights[found]) else "the word that it is better"
    return Moment(main.at, f"{how}, by {main.name}", (main.ts,))


def _turn(weights: Weights, until: int) -> int | None:
    """What turned it, a change or a word that it is better.

    Least trouble comes after it, little good news before it, some soon after; and people calm down.
    """
    times, calm = weights.units.times, _CALM.total_seconds()
    trouble = 0
    good: list[float] = []
    turns: list[tuple[int, int, int, float]] = []
    for number in weights.having(*_TURNS):
        if number >= until:
            break
        weight = weights[number]
        change, better = _is_change(weight), _is_better(weight)
        if change or better:
            before = number - bisect_left(times, times[number] - calm)
            after = min(until, bisect_right(times, times[number] + calm)) - number
            sure = min(1.0, weight.total / _SURE) + 0.5 * (weight.unit.kind == Kind.RESULT) + 0.5 * change
            turns.append((number, trouble, len(good), sure + 0.5 * math.log((1 + before) / (1 + after))))
        trouble += _is_trouble(weight)
        if better:
            good.append(times[number])

    def worth(turn: tuple[int, int, int, float]) -> float:
        number, troubles, goods, points = turn
        soon = bisect_right(good, times[number] + _SOON.total_seconds()) - bisect_right(good, times[number])
        ahead, behind = (trouble - troubles) / max(1, trouble), goods / max(1, len(good))
        return points - 2 * ahead - behind + 0.25 * min(2, soon)

    return max(turns, key=lambda turn: (worth(turn), turn[0]), default=(None,))[0]


def _is_trouble(weight: Weight) -> bool:
    points = weight.points.keys()
    if weight.unit.kind is None:
        return REOPENS in points or (PERSISTS in points and bool({FAILS, FIGURES, CODE} & points))
    return weight.unit.kind == Kind.ALARM and weight.total > _STANDS


def _is_better(weight: Weight) -> bool:
    if weight.unit.kind is None:
        return ASKS not in weight.points and weight.total > 0 and bool({BETTER, ALL_WELL} & weight.points.keys())
    return weight.unit.kind == Kind.CLEAR and weight.total > _STANDS


def _is_change(weight: Weight) -> bool:
    if LOOKS in weight.points or weight.total <= (0 if DONE in weight.points else _STANDS):
        return False
    if weight.unit.kind is None:
        return DONE in weight.points or {AGREED, CODE} <= weight.points.keys()
    return weight.unit.kind in {Kind.RESULT, Kind.SHIPPED}


def _mitigations(weights: Weights, started: datetime | None) -> Iterator[_Claim]:
    for number, unit in enumerate(weights.units):
        if (
            number not in weights.times
            and Cue.MITIGATED not in unit.cues
            and unit.kind not in {Kind.RESULT, Kind.STATUS}
        ):
            continue
        how = f"told by {unit.main.name}"
        if unit.kind in _SAYS and status_in(unit.text) == "mitigated":
            yield _Claim(unit.at, 3.0, how, (unit.main.ts,))
        if unit.kind is not None:
            continue
        times = weights.times.get(number, ())
        for before, time in zip((None, *times), times, strict=False):
            if before and time.ends and _sums_up(weights[number]):
                whole = started is not None and abs(before.at - started) <= _ALIKE
                yield _Claim(time.at, 4.0 if whole else 3.5, how, (unit.main.ts,))
            elif started and time.at > started and _WELL_SINCE.search(time.clause):
                yield _Claim(time.at, 2.5, how, (unit.main.ts,))
        if Cue.MITIGATED in unit.cues and Cue.NOT_YET not in unit.cues and not unit.asks:
            yield _Claim(unit.at, 3.0, how, (unit.main.ts,))
