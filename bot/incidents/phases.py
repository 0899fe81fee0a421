"""What a chosen entry is to the incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.incidents.bots import Kind
from bot.incidents.chosen import Phase
from bot.incidents.course import Course
from bot.incidents.weights import Weight

ACTS: Mapping[str, Phase] = {
    "declared": Phase.DECIDE,
    "severity": Phase.DECIDE,
    "role": Phase.DECIDE,
    "operation": Phase.MITIGATE,
    "resolved": Phase.RECOVER,
    "reopened": Phase.DETECT,
}
"""Phases of what the bot recorded, by its kind; a kind that is not here tells something, as a note does."""

_KINDS = {
    Kind.ALARM: Phase.DETECT,
    Kind.CLEAR: Phase.RECOVER,
    Kind.RESULT: Phase.MITIGATE,
    Kind.SHIPPED: Phase.MITIGATE,
    Kind.OPENED: Phase.DETECT,
}
_REASONS = {
    "closes": Phase.RECOVER,
    "the end": Phase.RECOVER,
    "tells that it is better": Phase.RECOVER,
    "tells that all succeed": Phase.RECOVER,
    "reopens": Phase.DETECT,
    "takes or gives the lead": Phase.DECIDE,
    "tells the severity": Phase.DECIDE,
    "decides": Phase.DECIDE,
    "agreed to": Phase.DECIDE,
    "tells several people what to do": Phase.DECIDE,
    "tells what was done": Phase.MITIGATE,
    "finds something": Phase.DIAGNOSE,
    "rules something out": Phase.DIAGNOSE,
    "shows code or an error": Phase.DIAGNOSE,
    "objects": Phase.DIAGNOSE,
}
_SYMPTOMS = ("tells that something fails", "tells that it goes on", "tells who is affected")


def phase_of(weight: Weight, course: Course) -> Phase:
    """By what kind of thing it is, then by the reason that gave it most points, then by where it stands."""
    at = weight.unit.at
    if "after the end" in weight.points:
        return Phase.FOLLOW_UP
    if course.started.at and course.detected.at and at <= course.detected.at:
        return Phase.DETECT
    if weight.unit.kind in _KINDS:
        return Phase.RECOVER if weight.unit.kind == Kind.RESULT and _is_over(at, course) else _KINDS[weight.unit.kind]
    best: dict[Phase, float] = {}
    for reason, points in weight.points.items():
        if reason in _REASONS:
            best[_REASONS[reason]] = best.get(_REASONS[reason], 0.0) + points
        elif reason in _SYMPTOMS:
            best[Phase.DETECT] = best.get(Phase.DETECT, 0.0) + points
    if best:
        return max(best, key=lambda phase: (best[phase], phase))
    return Phase.RECOVER if _is_over(at, course) else Phase.DIAGNOSE


def _is_over(at: datetime, course: Course) -> bool:
    return course.mitigated.at is not None and at > course.mitigated.at
