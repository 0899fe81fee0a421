"""When it started, was detected, mitigated and resolved, each with how that is known; what nobody told stays open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.incidents import forms
from bot.incidents.bots import Kind
from bot.incidents.chosen import Moment, Source
from bot.incidents.conversation import Conversation
from bot.incidents.lexicon import Cue
from bot.incidents.times import Time
from bot.incidents.units import Unit
from bot.incidents.weighing import (
    AFFECTED,
    AGREED,
    ALL_WELL,
    BETTER,
    CODE,
    DONE,
    FAILS,
    FIGURES,
    LOOKS,
    PERSISTS,
    REOPENS,
    THE_END,
    Weight,
)

_ALIKE = timedelta(minutes=3)
"""Times this near each other are told of one moment."""

_HIDDEN = timedelta(hours=12)
_LONGEST_HIDDEN = timedelta(days=7)
_HEEDS = timedelta(minutes=30)
_JUST = timedelta(hours=1)
_CHANGE_BEFORE = timedelta(hours=2)
_LOOK_BACK = 6
"""Units before one that it may refer to."""

_MATTERS = 2.4
"""Points of an alert or a report that is of the incident."""

_STANDS = 2.0
"""Points of a bot's message that is of the incident."""

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


def read_course(weights: Sequence[Weight], conversation: Conversation) -> Course:
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


def _detected(weights: Sequence[Weight], conversation: Conversation) -> Moment:
    """The first alert that matters and that somebody heeds, or the first person who reports something before it."""
    for number, weight in enumerate(weights):
        unit = weight.unit
        if weight.total <= _MATTERS:
            continue
        if unit.kind == Kind.ALARM and not _heeded(weights, number):
            continue
        if unit.kind == Kind.ALARM:
            return Moment(unit.main.at, f"first alert, by {unit.main.name}", (unit.main.ts,))
        if unit.kind is None and ({FAILS, AFFECTED, CODE} & weight.points.keys() or not number):
            since = [
                time.at
                for time in weight.times
                if {Cue.BEGAN, Cue.NOTICED} <= time.cues and unit.main.at - time.at < _JUST
            ]
            if since:
                return Moment(since[0], f"told by {unit.main.name}", (unit.main.ts,))
            return Moment(unit.main.at, f"reported by {unit.main.name}", (unit.main.ts,))
    if conversation.declared_at:
        return Moment(conversation.declared_at, "declared")
    first = next((weight.unit.main for weight in weights if weight.unit.kind is None), None)
    return Moment(first.at, f"first message, by {first.name}", (first.ts,)) if first else Moment(None, "nobody spoke")


def _heeded(weights: Sequence[Weight], number: int) -> bool:
    """Whether somebody speaks soon after an alert, or nobody ever does: at night it stands there for hours."""
    at = weights[number].unit.main.at
    after = next((w.unit.main.at for w in weights[number + 1 :] if w.unit.kind is None), at)
    return after - at <= _HEEDS


def _starts(weights: Sequence[Weight], detected: datetime) -> Iterator[_Claim]:
    """What people say of its beginning, which is not after it was noticed, and what bots show of it."""
    for number, weight in enumerate(weights):
        unit = weight.unit
        before = weights[max(0, number - _LOOK_BACK) : number]
        source = tuple(each.ts for each in unit.said)
        times = [time for time in weight.times if _may_be_start(time, detected)]
        if not times and _OUR_START.search(unit.text):
            yield from _meant(before, unit, detected)
        for time in times:
            yield _Claim(time.at, _strength(weight, time, before), f"told by {unit.main.name}", source)
        if unit.kind == Kind.ALARM and unit.main.at == detected and (lasted := _FOR.search(unit.text)):
            size = timedelta(minutes=1) if lasted[2].lower().startswith("m") else timedelta(hours=1)
            yield _Claim(unit.main.at - int(lasted[1]) * size, 0.5, f"measured by {unit.main.name}", source)
        if unit.kind == Kind.SHIPPED and timedelta() < detected - unit.main.at < _CHANGE_BEFORE:
            yield _Claim(unit.main.at, 0.8, f"the change before it, told by {unit.main.name}", source)


def _strength(weight: Weight, time: Time, before: Sequence[Weight]) -> float:
    """How surely a time that is told is that of the beginning."""
    strength = 0.3
    if weight.unit.kind is not None:
        return strength  # what a bot counts from is its own window
    if Cue.STARTS in time.cues or (weight.closes and time.begins):
        strength = 3.0
    elif _asked_when(before, weight.unit.main.author):
        strength = 2.5
    elif Cue.BEGAN in time.cues:
        strength = 1.8
    if Cue.HEDGES in time.cues or forms.asks(weight.unit.main.text):
        strength *= 0.5
    return strength + 0.5 * weight.unit.corrected


def _may_be_start(time: Time, detected: datetime) -> bool:
    """Not after it was noticed; and of days before only where somebody says that it began then."""
    hidden = _LONGEST_HIDDEN if Cue.STARTS in time.cues else _HIDDEN
    return detected - hidden <= time.at <= detected + timedelta(minutes=1)


def _asked_when(before: Sequence[Weight], author: str) -> bool:
    """Whether somebody else had just asked when it was."""
    return any(Cue.WHEN in weight.unit.cues and weight.unit.main.author != author for weight in before[-3:])


def _meant(before: Sequence[Weight], unit: Unit, detected: datetime) -> Iterator[_Claim]:
    """The last time that was told in the same thread, by whoever says "that is our start" of it."""
    thread = unit.main.thread_ts
    for weight in reversed(before):
        if not thread or thread in {weight.unit.main.thread_ts, weight.unit.main.ts}:
            for time in weight.times:
                if _may_be_start(time, detected):
                    yield _Claim(time.at, 3.0, f"told by {unit.main.name}", (unit.main.ts, weight.unit.main.ts))
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


def _resolved(weights: Sequence[Weight], conversation: Conversation) -> Moment:
    """What was recorded; else the last word of somebody that it is over, which nobody took back; else the all-clear."""
    if conversation.resolved_at:
        return Moment(conversation.resolved_at, "resolved with the bot")
    for weight in reversed(weights):
        main = weight.unit.main
        if REOPENS in weight.points:
            break
        if THE_END in weight.points:
            return Moment(main.at, f"said by {main.name}", (main.ts,))
    for weight in reversed(weights):
        main = weight.unit.main
        if weight.unit.kind == Kind.CLEAR and weight.total > _STANDS:
            return Moment(main.at, f"last all-clear, by {main.name}: nobody closed it", (main.ts,))
    return Moment(None, "nobody said that it is over")


def _mitigated(weights: Sequence[Weight], started: datetime | None, resolved: datetime | None) -> Moment:
    """What people say ended the impact, else the change after which it was better."""
    for weight in reversed(weights):
        main = weight.unit.main
        if weight.unit.kind is None and Cue.FALSE_ALARM in weight.unit.cues:
            return Moment(None, f"nothing to mitigate: a false alarm, says {main.name}", (main.ts,))
    claims = list(_mitigations(weights, started))
    if claims:
        best = max(claims, key=lambda claim: (claim.strength, claim.at, claim.source))
        return Moment(best.at, best.how, best.source)
    until = [weight for weight in weights if resolved is None or weight.unit.main.at < resolved]
    for found, how in (
        (_change_that_helped(until), "the first change after the last trouble"),
        (next((w for w in reversed(until) if w.unit.kind == Kind.CLEAR and w.total > _STANDS), None), "all-clear"),
        (
            next((w for w in reversed(until) if {BETTER, ALL_WELL} & w.points.keys()), None),
            "the last word that it is better",
        ),
    ):
        if found:
            return Moment(found.unit.main.at, f"{how}, by {found.unit.main.name}", (found.unit.main.ts,))
    return Moment(None, "nobody said what ended the impact")


def _change_that_helped(weights: Sequence[Weight]) -> Weight | None:
    """The first change after the last alert or word that it goes on; the last change where nothing came after."""
    last: datetime | None = None
    changes: list[Weight] = []
    for weight in weights:
        if _is_trouble(weight):
            last = weight.unit.main.at
        elif _is_change(weight):
            changes.append(weight)
    after = (change for change in changes if last is not None and change.unit.main.at > last)
    return next(after, changes[-1] if changes else None)


def _is_trouble(weight: Weight) -> bool:
    if weight.unit.kind is None:
        return PERSISTS in weight.points and bool({FAILS, FIGURES, CODE} & weight.points.keys())
    return weight.unit.kind == Kind.ALARM and weight.total > _STANDS


def _is_change(weight: Weight) -> bool:
    if LOOKS in weight.points or weight.total <= _STANDS:
        return False
    if weight.unit.kind is None:
        return DONE in weight.points or {AGREED, CODE} <= weight.points.keys()
    return weight.unit.kind in {Kind.RESULT, Kind.SHIPPED}


def _mitigations(weights: Sequence[Weight], started: datetime | None) -> Iterator[_Claim]:
    for weight in weights:
        unit, how = weight.unit, f"told by {weight.unit.main.name}"
        if unit.kind is not None:
            continue
        for time in weight.times:
            if weight.closes and time.ends:
                yield _Claim(time.at, 4.0, how, (unit.main.ts,))
            elif started and time.at > started and _WELL_SINCE.search(time.clause):
                yield _Claim(time.at, 2.5, how, (unit.main.ts,))
        if Cue.MITIGATED in unit.cues and Cue.NOT_YET not in unit.cues and not unit.asks:
            yield _Claim(unit.main.at, 3.0, how, (unit.main.ts,))
