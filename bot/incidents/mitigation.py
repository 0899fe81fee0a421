"""When the impact of an incident ended: what people say of it, else the change after which it was better."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from bot.incidents.bots import Kind, status_in
from bot.incidents.chosen import Moment
from bot.incidents.claims import ALIKE, NEXT, STANDS, Claim, sums_up
from bot.incidents.lexicon import Cue
from bot.incidents.weighing import (
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
)
from bot.incidents.weights import Weight, Weights

_CALM = timedelta(minutes=30)
_SOON = timedelta(minutes=20)
_SURE = 5.0
"""Points of a change that surely is one."""

_TURNS = (ALARM, CLEAR, RESULT, SHIPPED, REOPENS, PERSISTS, BETTER, ALL_WELL, DONE, AGREED)
"""Reasons of what may turn an incident, or tells which way it goes."""

_SAYS = frozenset({Kind.RESULT, Kind.STATUS})
_WELL_SINCE = re.compile(
    r"\b(?:ok|okay|fine|good|quiet|flat|stable|clean|healthy|green|normale?|back|up|recovered|gone|stabil|ruhig|läuft|bien"
    r"|estable)\b[^.;]{0,12}\b(?:since|seit|depuis|desde)\b",
    re.IGNORECASE,
)


def read_mitigation(weights: Weights, started: datetime | None, resolved: datetime | None) -> Moment:
    """What people say ended the impact, else the change after which it was better."""
    trouble = max((n for n in weights.having(ALARM, PERSISTS, REOPENS) if _is_trouble(weights[n])), default=-1)
    for number in range(len(weights) - 1, trouble, -1):
        unit = weights.units[number]
        if unit.kind is None and Cue.FALSE_ALARM in unit.cues:
            return Moment(None, f"nothing to mitigate: a false alarm, says {unit.main.name}", (unit.main.ts,))
    told = _mitigations(weights, started)
    within = (each for each in told if (not started or started < each.at) and (not resolved or each.at <= resolved))
    best = max(within, key=lambda claim: (claim.strength, claim.at, claim.source), default=None)
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

    Least trouble comes after it, little good news before it, some soon after; and people calm down. What somebody says
    to have changed is none where no other word within the hour says that it is better.
    """
    times, calm = weights.units.times, _CALM.total_seconds()
    trouble = 0
    good: list[float] = []
    turns: list[tuple[int, int, int, float]] = []
    only_said: set[int] = set()
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
        if change and weight.unit.kind is None:
            only_said.add(number)

    def good_within(time: timedelta, number: int) -> int:
        return bisect_right(good, times[number] + time.total_seconds()) - bisect_right(good, times[number])

    def worth(turn: tuple[int, int, int, float]) -> float:
        number, troubles, goods, points = turn
        ahead, behind = (trouble - troubles) / max(1, trouble), goods / max(1, len(good))
        return points - 2 * ahead - behind + 0.25 * min(2, good_within(_SOON, number))

    held = (turn for turn in turns if turn[0] not in only_said or good_within(NEXT, turn[0]))
    return max(held, key=lambda turn: (worth(turn), turn[0]), default=(None,))[0]


def _is_trouble(weight: Weight) -> bool:
    points = weight.points.keys()
    if weight.unit.kind is None:
        return REOPENS in points or (PERSISTS in points and bool({FAILS, FIGURES, CODE} & points))
    return weight.unit.kind == Kind.ALARM and weight.total > STANDS


def _is_better(weight: Weight) -> bool:
    if weight.unit.kind is None:
        return ASKS not in weight.points and weight.total > 0 and bool({BETTER, ALL_WELL} & weight.points.keys())
    return weight.unit.kind == Kind.CLEAR and weight.total > STANDS


def _is_change(weight: Weight) -> bool:
    if LOOKS in weight.points or weight.total <= (0 if DONE in weight.points else STANDS):
        return False
    if weight.unit.kind is None:
        return DONE in weight.points or {AGREED, CODE} <= weight.points.keys()
    return weight.unit.kind in {Kind.RESULT, Kind.SHIPPED}


def _told_whole(weight: Weight, started: datetime | None) -> Iterator[Claim]:
    """The end of the last range that it tells, or of the two times of who closes it, from its beginning to its end."""
    main, times = weight.unit.main, weight.times
    ranges = [(first, last) for first, last in pairwise(times) if last.ends]
    begins = [first.at for first, _ in ranges] or [times[0].at]
    whole = started is not None and any(abs(at - started) <= ALIKE for at in begins)
    if ranges:
        end = max(last.at for _, last in ranges)
        yield Claim(end, 4.0 if whole else 3.5, f"told by {main.name}", (main.ts,))
    elif whole and weight.closes and len(times) == 2 and Cue.NOTICED not in times[1].cues:  # noqa: PLR2004 - from, to
        yield Claim(times[1].at, 3.2, f"told by {main.name}", (main.ts,))


def _mitigations(weights: Weights, started: datetime | None) -> Iterator[Claim]:
    for number, unit in enumerate(weights.units):
        if (
            number not in weights.times
            and Cue.MITIGATED not in unit.cues
            and unit.kind not in {Kind.RESULT, Kind.STATUS}
        ):
            continue
        how = f"told by {unit.main.name}"
        if unit.kind in _SAYS and status_in(unit.text) == "mitigated":
            yield Claim(unit.at, 3.0, how, (unit.main.ts,))
        if unit.kind is not None:
            continue
        times = weights.times.get(number, ())
        if started:
            ends = [time.at for time in times if time.at > started and _WELL_SINCE.search(time.clause)]
            yield from (Claim(at, 2.5, how, (unit.main.ts,)) for at in ends)
        if len(times) > 1 and sums_up(weights[number]):
            yield from _told_whole(weights[number], started)
        if Cue.MITIGATED in unit.cues and Cue.NOT_YET not in unit.cues and not unit.asks:
            yield Claim(unit.at, 3.0, how, (unit.main.ts,))
