"""Past incidents that read alike: by the words that they share, rare ones counting more."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from bot.core.incidents import Incident

LEAST = 0.2
"""Below this likeness (0 to 1) two incidents share no more than chance words."""

_WORD = re.compile(r"[^\W_]{2,}")
_SERVICE = 2.0
"""How much more a service counts than a word of the title."""


def similar(incident: Incident, past: Sequence[Incident], *, most: int = 3) -> tuple[Incident, ...]:
    """The ones of `past` that are most like `incident`, the likest first, newer ones before older."""
    others = [each for each in past if each.number != incident.number and not each.private]
    weights = [_terms(each) for each in (incident, *others)]
    seen = Counter(term for terms in weights for term in terms)
    rare = {term: math.log(1 + len(weights) / count) for term, count in seen.items()}
    vectors = [{term: weight * rare[term] for term, weight in terms.items()} for terms in weights]
    alike = [(_cosine(vectors[0], vector), each.number, each) for vector, each in zip(vectors[1:], others, strict=True)]
    found = sorted((each for each in alike if each[0] >= LEAST), reverse=True)
    return tuple(each for _, _, each in found[:most])


def _terms(incident: Incident) -> dict[str, float]:
    words = _WORD.findall(f"{incident.title} {incident.impact}".casefold())
    return dict.fromkeys(words, 1.0) | {f"service {each}": _SERVICE for each in incident.services}


def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
    shared = sum(weight * other[term] for term, weight in one.items() if term in other)
    lengths = math.hypot(*one.values()) * math.hypot(*other.values())
    return shared / lengths if lengths else 0.0
