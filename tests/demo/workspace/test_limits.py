"""Slack's limits on blocks and views."""

from typing import Any

import pytest

from bot.demo.workspace.limits import check_blocks, check_content, check_view
from bot.demo.workspace.values import SlackError

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(text: str = "x", **more: object) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(**more: Any) -> Json:  # noqa: ANN401 - a block's own fields
    return {"type": "button", "action_id": "a", "text": plain("Go"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def select(count: int, **more: object) -> Json:
    options = [{"text": plain("x"), "value": f"{n}"} for n in range(count)]
    return {"type": "static_select", "action_id": "a", "options": options, **more}


def table(rows: int, cells: int) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * cells] * rows}


FITTING = [
    pytest.param(section("x" * 3000), id="section of 3,000"),
    pytest.param({"type": "header", "text": plain("x" * 150)}, id="header of 150"),
    pytest.param(actions(*(button(action_id=f"{n}") for n in range(25))), id="25 buttons"),
    pytest.param(actions(button(text=plain("x" * 75), value="v" * 2000)), id="longest button"),
    pytest.param(actions(select(100)), id="100 options"),
    pytest.param(table(100, 20), id="largest table"),
    pytest.param({"type": "context", "elements": [plain("x")] * 10}, id="10 in a context"),
    pytest.param({"type": "markdown", "text": "x" * 12_000}, id="longest markdown"),
    pytest.param({"type": "divider"}, id="divider"),
    pytest.param(
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}, id="empty rich section"
    ),
]

REFUSED = [
    pytest.param(section("x" * 3001), id="section of 3,001"),
    pytest.param(section(""), id="empty section"),
    pytest.param({"type": "section"}, id="section without text"),
    pytest.param({"type": "section", "fields": [plain("x")] * 11}, id="11 fields"),
    pytest.param({"type": "header", "text": plain("x" * 151)}, id="header of 151"),
    pytest.param({"type": "header"}, id="header without text"),
    pytest.param(actions(), id="no buttons"),
    pytest.param(actions(*(button(action_id=f"{n}") for n in range(26))), id="26 buttons"),
    pytest.param(actions(button(), button()), id="two of one action_id"),
    pytest.param(actions(button(text=plain("x" * 76))), id="button of 76"),
    pytest.param(actions(button(value="v" * 2001)), id="value of 2,001"),
    pytest.param(actions(button(action_id="a" * 256)), id="action_id of 256"),
    pytest.param(actions(button(style="loud")), id="unknown style"),
    pytest.param(actions(select(101)), id="101 options"),
    pytest.param(actions(select(0)), id="no options"),
    pytest.param({"type": "actions", "elements": ["Go"]}, id="words for a button"),
    pytest.param(actions({"type": "overflow", "action_id": "a", "options": select(6)["options"]}), id="overflow of 6"),
    pytest.param(table(101, 1), id="101 rows"),
    pytest.param(table(1, 21), id="21 cells"),
    pytest.param({"type": "context", "elements": [plain("x")] * 11}, id="11 in a context"),
    pytest.param({"type": "rich_text", "elements": []}, id="empty rich text"),
    pytest.param(section(block_id="b" * 256), id="block_id of 256"),
    pytest.param({"type": "hologram"}, id="unknown type"),
    pytest.param({}, id="no type"),
]


@pytest.mark.parametrize("block", FITTING)
def test_blocks_that_fit(block: Json) -> None:
    check_blocks([block], most=50, unfit=set())


@pytest.mark.parametrize("block", REFUSED)
def test_blocks_that_slack_refuses(block: Json) -> None:
    with pytest.raises(SlackError, match="invalid_blocks") as caught:
        check_blocks([section(), block], most=50, unfit=set())

    assert "[json-pointer:/blocks/1]" in str(caught.value.body()["response_metadata"]["messages"])


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        pytest.param([section()] * 51, "invalid_blocks", id="51 blocks"),
        pytest.param([section(block_id="b")] * 2, "invalid_blocks", id="two of one block_id"),
        pytest.param([table(1, 1)] * 2, "invalid_attachments", id="two tables"),
        pytest.param([section("x" * 3000)] * 5, "msg_blocks_too_long", id="15,000 characters"),
        pytest.param(["section"], "invalid_blocks_format", id="no objects"),
    ],
)
def test_messages_that_slack_refuses(blocks: list[Any], error: str) -> None:
    with pytest.raises(SlackError, match=error):
        check_content("text", blocks)


def view(**more: object) -> Json:
    return {"type": "modal", "title": plain("Title"), "blocks": [section()], **more}


INPUT = {"type": "input", "label": plain("L"), "element": {"type": "plain_text_input", "action_id": "a"}}


@pytest.mark.parametrize(
    ("candidate", "error"),
    [
        pytest.param(None, "invalid_arguments", id="none"),
        pytest.param({"type": "window"}, "invalid_arguments", id="unknown type"),
        pytest.param(view(title=plain("x" * 25)), "invalid_arguments", id="title of 25"),
        pytest.param(view(title=None), "invalid_arguments", id="no title"),
        pytest.param(view(submit=plain("x" * 25)), "invalid_arguments", id="submit of 25"),
        pytest.param(view(private_metadata="x" * 3001), "invalid_arguments", id="metadata of 3,001"),
        pytest.param(view(callback_id="x" * 256), "invalid_arguments", id="callback_id of 256"),
        pytest.param(view(blocks=[INPUT]), "invalid_arguments", id="input without submit"),
        pytest.param(view(blocks=[]), "invalid_arguments", id="no blocks"),
        pytest.param(view(blocks=None), "invalid_blocks_format", id="blocks missing"),
        pytest.param(view(blocks=[section()] * 101), "invalid_blocks", id="101 blocks"),
        pytest.param(view(blocks=[table(1, 1)]), "invalid_blocks", id="table in a modal"),
        pytest.param(view(blocks=[section("x" * 3000)] * 90), "view_too_large", id="250 kB"),
        pytest.param({"type": "home", "blocks": [section()], "submit": plain("x")}, "invalid_arguments", id="home"),
    ],
)
def test_views_that_slack_refuses(candidate: object, error: str) -> None:
    with pytest.raises(SlackError, match=error):
        check_view(candidate)


@pytest.mark.parametrize(
    "candidate", [view(), view(submit=plain("Send"), blocks=[INPUT]), {"type": "home", "blocks": [section()] * 100}]
)
def test_views_that_fit(candidate: Json) -> None:
    assert check_view(candidate) == candidate
