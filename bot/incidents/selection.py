"""The timeline of an incident: the few entries that a careful person would have kept, chosen by rules."""

from __future__ import annotations

import heapq
from collections.abc import Collection
from datetime import timedelta

from bot.incidents import afterwards
from bot.incidents.bots import Kind
from bot.incidents.chosen import ActionItem, Chosen, Moment, Phase, Quote, Selection, Source
from bot.incidents.conversation import Acted, Conversation
from bot.incidents.course import Course, read_course
from bot.incidents.forms import words_of
from bot.incidents.gathering import gather
from bot.incidents.phases import ACTS, phase_of
from bot.incidents.talk import Talk
from bot.incidents.units import Unit
from bot.incidents.weighing import LOOKS, weigh
from bot.incidents.weights import Weight, Weights

__all__ = ["ActionItem", "Chosen", "Moment", "Phase", "Quote", "Selection", "Source", "select"]

MOST = 40
_BESIDE = 4
_NEAR = timedelta(minutes=4)
_SYSTEM = frozenset({Kind.ALARM, Kind.CLEAR, Kind.RESULT})
_FEW = 5
_LEAST = 1.7


def select(conversation: Conversation) -> Selection:
    """Choose the entries, and read the moments and what the report needs; the same for the same conversation.

    What was recorded and what people marked is always in it.
    """
    told = {act.message for act in conversation.acted if act.message}
    talk = conversation.said if isinstance(conversation.said, Talk) else Talk(conversation.said)
    order = talk.in_order(without=told)
    weights = weigh(gather(talk, order), conversation)
    picked = choose(weights, budget(len(order)))
    course = read_course(weights, conversation)
    alone = {weight.unit.main.ts for weight in picked}
    entries = [*map(_of_act, conversation.acted), *(_of_unit(weight, course, alone) for weight in picked)]
    return Selection(
        entries=tuple(sorted(entries, key=lambda entry: (entry.at, entry.source))),
        started=course.started,
        detected=course.detected,
        mitigated=course.mitigated,
        resolved=course.resolved,
        severity=afterwards.severity(weights, conversation),
        impact=afterwards.impact(weights, conversation),
        action_items=afterwards.action_items(weights, conversation),
        root_cause=afterwards.root_cause(picked, conversation),
        resolution=afterwards.resolution(picked, course),
        lessons=afterwards.lessons(weights),
    )


def budget(messages: int) -> int:
    """How many entries are chosen by rules."""
    return min(MOST, max(_FEW, round(0.28 * messages)), round(9 + 0.065 * messages))


def choose(weights: Weights, count: int) -> list[Weight]:
    """The weightiest units; one takes weight from its neighbours, which mostly tell the same."""
    units = weights.units
    marked = [number for number, unit in enumerate(units) if unit.marked]
    most = max(count, count // 2 + len(marked))
    left = _candidates(weights, most * (2 * _BESIDE + 1))
    heap = [(-points, number) for number, points in left.items()]
    heapq.heapify(heap)
    chosen: list[int] = []

    def take(number: int) -> None:
        chosen.append(number)
        left.pop(number, None)
        for other in range(number - _BESIDE, number + _BESIDE + 1):
            if other in left and (units[other].kind not in _SYSTEM or LOOKS in weights[other].points):
                near = 1.0 if abs(units[other].at - units[number].at) <= _NEAR else 0.5
                left[other] -= near * (1.1 if related(units[number], units[other]) else 0.4)
                heapq.heappush(heap, (-left[other], other))

    for number in marked:
        take(number)
    while heap and len(chosen) < most:
        points, number = heapq.heappop(heap)
        if left.get(number) != -points:
            continue
        if -points < _LEAST:
            break
        take(number)
    return [weights[number] for number in sorted(chosen)]


def _candidates(weights: Weights, count: int) -> dict[int, float]:
    """The weightiest units with their points: what is taken can only take weight from some of them."""
    heavy = ((points, -number) for number, points in enumerate(weights.totals) if points >= _LEAST)
    return {-number: points for points, number in heapq.nlargest(count, heavy)}


def related(one: Unit, other: Unit) -> bool:
    """Whether they are of one thread, one author, or about one thing."""
    if one.main.thread_ts and one.main.thread_ts in {other.main.thread_ts, other.main.ts}:
        return True
    if other.main.thread_ts == one.main.ts or one.main.author == other.main.author:
        return True
    return len(words_of(one.text) & words_of(other.text)) >= 2  # noqa: PLR2004


def _of_act(act: Acted) -> Chosen:
    phase = ACTS.get(act.kind, Phase.DIAGNOSE)
    return Chosen(act.at, act.name, act.text, phase, (act.message or act.key,), act.kind, "recorded")


def _of_unit(weight: Weight, course: Course, alone: Collection[str]) -> Chosen:
    """The entry of a unit; of its answers those that are in the timeline `alone` are not told with it again."""
    unit = weight.unit
    answers = [each for each in unit.answers if each.ts not in alone]
    source = tuple(each.ts for each in (*unit.said, *answers))
    reasons = sorted((-points, reason) for reason, points in weight.points.items() if points > 0)
    why = ["marked by people"] * bool(unit.main.marked) + [reason for _, reason in reasons[:3]]
    text = " — ".join((_words(unit), *(f"{each.name}: {each.text}" for each in answers)))
    return Chosen(unit.at, unit.main.name, text, phase_of(weight, course), source, why=", ".join(why))


def _words(unit: Unit) -> str:
    """What its author wrote; files by name where nothing was written."""
    files = " ".join(f"[file: {name}]" for each in unit.said for name in each.files)
    return " ".join(part for part in (unit.text, files) if part)
