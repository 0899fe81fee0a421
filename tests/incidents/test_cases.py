"""How near the choice comes to that of people, on cases beside the checkout."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from bot.incidents.selection import select
from bot.incidents.transcripts import read_transcript

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CASES = SHARED / "dev-transcripts"


def _scores() -> ModuleType:
    spec = importlib.util.spec_from_file_location("timeline_score", SHARED / "timeline-score.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not beside the checkout")
def test_the_choice_is_nearer_to_peoples_than_any_naive_one() -> None:
    scores = _scores()
    cases = sorted(path for path in CASES.iterdir() if (path / "truth.json").exists())

    ours = [scores.score(case, _drafted(case))["f1"] for case in cases]

    for name, choose in scores.BASELINES.items():
        naive = [scores.score(case, _naive(scores, case, choose))["f1"] for case in cases]
        assert sum(ours) / len(ours) > sum(naive) / len(naive) + 0.1, name


def _drafted(case: Path) -> Mapping[str, object]:
    entries = select(read_transcript(case).conversation).entries
    return {"timeline": [{"ts": each.source[0], "text": each.text, "source": [*each.source]} for each in entries]}


def _naive(scores: ModuleType, case: Path, choose: object) -> Mapping[str, object]:
    messages = scores.messages(json.loads((case / "transcript.json").read_text()))
    assert callable(choose)
    return {"timeline": [{"ts": each["ts"], "text": each.get("text", "")} for each in choose(messages)]}
