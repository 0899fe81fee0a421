"""Whatever a result holds, its message is one that Slack takes, and foreign text in it stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.core.results import Form, Home, Result
from bot.views import home, modal, render
from tests.views.strategies import results

_OURS = re.compile(r"<(?:@[A-Z][A-Z0-9]+|#[A-Z][A-Z0-9]+|!date\^\d+\^[^|>]*\|[^>]*|https?://[^|>]*\|[^<>]*)>")
_MEANS_MORE = re.compile(r"<[!@#h/a-z]|[<>]")


def texts(part: object, kind: str = "") -> Iterator[tuple[str, str]]:
    """Every text of blocks with the type of the object that holds it."""
    if isinstance(part, list):
        for item in part:
            yield from texts(item, kind)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "text" and isinstance(value, str):
                yield part["type"], value
            else:
                yield from texts(value, kind)


def check(blocks: list[dict[str, Any]], *, most: int) -> None:
    assert 0 < len(blocks) <= most
    assert len(json.dumps(blocks, ensure_ascii=False)) <= 12_000
    assert all(block.to_dict() for block in Block.parse_all(blocks))
    assert all(words for _, words in texts(blocks))
    for block in blocks:
        if block["type"] == "table":
            assert len(block["rows"]) <= 100
            assert all(len(row) <= 20 for row in block["rows"])
        if block["type"] == "actions":
            verbs = [element["action_id"] for element in block["elements"]]
            assert len(set(verbs)) == len(verbs)


@settings(max_examples=120, deadline=None)
@given(results())
def test_every_message_is_within_all_limits(result: Result) -> None:
    payload = render(result)

    check(payload.blocks, most=50)
    assert 0 < len(payload.text) <= 4_000
    assert payload.file is None or payload.file.content
    assert sum(block["type"] == "table" for block in payload.blocks) <= 1


@settings(max_examples=120, deadline=None)
@given(results())
def test_foreign_text_never_mentions_or_links(result: Result) -> None:
    payload = render(result)

    parsed = [words for kind, words in texts(payload.blocks) if kind in {"mrkdwn", "markdown"}]
    for words in (payload.text, *parsed):
        assert not _MEANS_MORE.search(_OURS.sub("", words)), words


@settings(max_examples=100, deadline=None)
@given(results(Form))
def test_every_modal_is_within_all_limits(form: Form) -> None:
    view = modal(form)

    assert View(**view).to_dict()
    assert len(view["blocks"]) <= 100
    assert all(words for _, words in texts(view["blocks"]))


@settings(max_examples=100, deadline=None)
@given(results(Home))
def test_every_home_is_within_all_limits(shown: Home) -> None:
    view = home(shown)

    check(view["blocks"], most=100)
    assert View(**view).to_dict()
    assert not {"table", "markdown"} & {block["type"] for block in view["blocks"]}
