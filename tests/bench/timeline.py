"""How near the choice of a timeline comes to people's, and what it costs for long incidents."""

from __future__ import annotations

import importlib.util
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType

from bot.core.redact import Redactor
from bot.incidents.conversation import Conversation
from bot.incidents.draft import draft
from bot.incidents.selection import select
from bot.incidents.transcripts import Transcript, read_transcript
from bot.views.templates import Templates
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.incidents.talk import read_case

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CASES = SHARED / "dev-transcripts"
SIZES = (1_000, 10_000, 100_000)
_TIMES = 10


async def timeline(_ground: Ground) -> AsyncIterator[Figure]:
    """F1 by case against the best naive choice; time and memory of the choice and of the whole draft by messages."""
    if CASES.exists():
        for figure in _nearness():
            yield figure
    else:
        sys.stderr.write("timeline.f1 is left out: the cases are not beside the checkout.\n")
    for figure in _costs():
        yield figure


def _nearness() -> Iterator[Figure]:
    scores = _scores()
    for case in sorted(path for path in CASES.iterdir() if (path / "truth.json").exists()):
        entries = select(read_transcript(case).conversation).entries
        ours = {"timeline": [{"ts": each.source[0], "text": each.text, "source": [*each.source]} for each in entries]}
        messages = scores.messages(json.loads((case / "transcript.json").read_text()))
        naive = {
            name: scores.score(case, {"timeline": [_plain(each) for each in choose(messages)]})["f1"]
            for name, choose in scores.BASELINES.items()
        }
        best = max(naive, key=lambda name: (naive[name], name))
        yield Figure(f"timeline.f1.{case.name}", scores.score(case, ours)["f1"], "", naive[best], best, "> 1")


def _plain(message: Mapping[str, str]) -> dict[str, str]:
    return {"ts": message["ts"], "text": message.get("text", "")}


def _scores() -> ModuleType:
    spec = importlib.util.spec_from_file_location("timeline_score", SHARED / "timeline-score.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{SHARED}/timeline-score.py cannot be read")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _costs() -> Iterator[Figure]:
    """Each size beside the one before it: what grows with the messages costs ten times as much, and not more."""
    before: dict[str, float] = {}
    for size in SIZES:
        conversation = long_talk(size)
        kept = _peak()
        began = time.process_time()
        select(conversation)
        chosen = time.process_time() - began
        grown = _peak() - kept
        began = time.process_time()
        draft(Transcript("long", conversation), redact=Redactor().redact, documents=Templates())
        costs = {"select": chosen * 1e3, "draft": (time.process_time() - began) * 1e3, "memory": grown}
        for name, cost in costs.items():
            unit = "MB" if name == "memory" else "ms"
            yield Figure(
                f"timeline.{name}.{size}", cost, unit, before.get(name, 0) * _TIMES, "ten times a tenth", "~ 1"
            )
        before = costs


def _peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def long_talk(size: int) -> Conversation:
    """The conversations of the tests over and over, a day apart."""
    cases = [read_case(name).conversation for name in ("video", "warehouse", "hosting")]
    talked = [each for case in cases for each in case.said]
    said = []
    for number in range(size):
        days, place = divmod(number, len(talked))
        each = talked[place]
        at = each.at + timedelta(days=days)
        said.append(
            replace(each, ts=f"{at.timestamp():.0f}.{place:06d}", at=at, text=f"{each.text} {days}", thread_ts="")
        )
    return Conversation(tuple(said), people={key: who for case in cases for key, who in case.people.items()})
