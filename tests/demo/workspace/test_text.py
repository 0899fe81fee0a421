"""What Slack makes of typed words, and what a reader sees of messages."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from bot.demo.workspace.plain import Plain
from bot.demo.workspace.screen import channel_lines, view_lines
from bot.demo.workspace.typed import escape, rich_text, typed_text, unescape
from tests.conftest import SetClock

Json = dict[str, Any]


@given(st.text())
def test_escaping_is_undone_by_unescaping(text: str) -> None:
    assert unescape(escape(text)) == text
    assert not set("<>") & set(escape(text))


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        pytest.param("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d", id="escaped"),
        pytest.param(
            "<!channel> <@U404> <http://x|y>", "&lt;!channel&gt; &lt;@U404&gt; &lt;http://x|y&gt;", id="no markup"
        ),
        pytest.param("@ana, @nobody", "<@{ana}>, @nobody", id="people"),
        pytest.param("<@{ana}> hi", "<@{ana}> hi", id="a pasted mention"),
        pytest.param("see #ops and #none", "see <#{ops}|ops> and #none", id="channels"),
        pytest.param("<#{ops}>", "<#{ops}|ops>", id="a pasted channel"),
        pytest.param("@here @channel @oncall", "<!here> <!channel> <!subteam^{oncall}>", id="many people"),
        pytest.param("mail ana@example.com", "mail ana@example.com", id="an address"),
        pytest.param("https://x.example/?a=1&b=2.", "<https://x.example/?a=1&amp;b=2>.", id="a link"),
        pytest.param("`@ana <x>`", "`@ana &lt;x&gt;`", id="code"),
    ],
)
async def test_typed_words_are_stored_as_slack_stores_them(ws: Workspace, raw: str, stored: str) -> None:
    ana = ws.person("ana")
    ids = {"ana": ana.id, "ops": ws.channel("ops", [ana]).id, "oncall": ws.group("oncall", [ana]).id}

    assert typed_text(raw.format(**ids), ws.core.store) == stored.format(**ids)


def test_rich_text_has_the_parts_of_the_words() -> None:
    (block,) = rich_text(
        "hi <@U1> in <#C1|ops> <!here> <!subteam^S1> *b* _i_ ~s~ `c &lt;` <http://x|there>\n```\nline 1\n```end",
        "b",
    )

    section, code, end = block["elements"]
    assert [part for part in section["elements"] if part.get("text", "-").strip()] == [
        {"type": "text", "text": "hi "},
        {"type": "user", "user_id": "U1"},
        {"type": "text", "text": " in "},
        {"type": "channel", "channel_id": "C1"},
        {"type": "broadcast", "range": "here"},
        {"type": "usergroup", "usergroup_id": "S1"},
        {"type": "text", "text": "b", "style": {"bold": True}},
        {"type": "text", "text": "i", "style": {"italic": True}},
        {"type": "text", "text": "s", "style": {"strike": True}},
        {"type": "text", "text": "c <", "style": {"code": True}},
        {"type": "link", "url": "http://x", "text": "there"},
    ]
    assert (code["type"], code["elements"][0]["text"]) == ("rich_text_preformatted", "line 1")
    assert end["elements"] == [{"type": "text", "text": "end"}]


@given(st.text(alphabet="ab *_~`@#<>&!\n|:/."))
def test_a_reader_sees_each_word_that_was_typed(text: str) -> None:
    (block,) = rich_text(escape(text), "b") if text else ({"elements": []},)
    shown = "".join(part.get("text", "") for element in block["elements"] for part in element.get("elements", []))

    letters = [char for char in text if char in "ab"]
    assert [char for char in shown if char in "ab"] == letters


AT = int(datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("*bold* _italic_ ~gone~ `code`", "bold italic gone code", id="styles"),
        pytest.param("2*3*4 snake_case_name", "2*3*4 snake_case_name", id="no styles"),
        pytest.param("*_both_*", "both", id="styles in styles"),
        pytest.param("```\n*raw* &lt;b&gt;\n```", "*raw* <b>", id="preformatted"),
        pytest.param("<@{ana}> <@U404> <#{ops}> <#C404|gone>", "@ana @U404 #ops #gone", id="references"),
        pytest.param("<!here> <!subteam^{oncall}> <!subteam^S404>", "@here @oncall @S404", id="broadcasts"),
        pytest.param("<https://x.example|a &amp; b> <https://x.example>", "a & b https://x.example", id="links"),
        pytest.param(
            f"<!date^{AT}^{{{{date_num}}}} {{{{time}}}}|then>", "2026-03-02 10:05", id="date in the reader's zone"
        ),
        pytest.param(
            f"<!date^{AT}^{{{{date_short}}}} {{{{time_secs}}}}|then>", "Mar 02, 2026 10:05:07", id="short date"
        ),
    ],
)
async def test_markup_is_shown_as_it_looks(ws: Workspace, text: str, shown: str) -> None:
    ana = ws.person("ana", tz="Europe/Berlin")
    ids = {"ana": ana.id, "ops": ws.channel("ops", [ana]).id, "oncall": ws.group("oncall", [ana]).id}

    assert Plain(ws.core.store, ana.user).mrkdwn(text.format(**ids)) == shown


def words(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def rich(kind: str, *elements: Json, **more: object) -> Json:
    return {"type": f"rich_text_{kind}", "elements": list(elements), **more}


def said(text: str) -> Json:
    return {"type": "text", "text": text}


def option(text: str) -> Json:
    return {"text": words(text), "value": text}


BLOCKS = [
    pytest.param({"type": "section", "text": words("a"), "fields": [words("b"), words("c")]}, "a\nb\nc", id="section"),
    pytest.param({"type": "header", "text": words("H")}, "H", id="header"),
    pytest.param({"type": "divider"}, "--------------------", id="divider"),
    pytest.param(
        {"type": "context", "elements": [words("a"), {"type": "image", "alt_text": "dot"}]},
        "a [image: dot]",
        id="context",
    ),
    pytest.param({"type": "image", "alt_text": "chart"}, "[image: chart]", id="image"),
    pytest.param(
        {
            "type": "section",
            "text": words("a"),
            "accessory": {"type": "static_select", "action_id": "s", "placeholder": words("Pick")},
        },
        "a\n[Pick v]",
        id="accessory",
    ),
    pytest.param(
        {
            "type": "actions",
            "elements": [
                {"type": "button", "action_id": "a", "text": words("Go")},
                {"type": "overflow", "action_id": "more", "options": []},
                {"type": "static_select", "action_id": "s", "initial_option": option("Beta")},
            ],
        },
        "[Go] [more v] [Beta v]",
        id="actions",
    ),
    pytest.param({"type": "markdown", "text": "## H"}, "## H", id="markdown"),
    pytest.param(
        {
            "type": "rich_text",
            "elements": [
                rich("section", said("a "), {"type": "emoji", "name": "eyes"}, {"type": "user", "user_id": "U404"}),
                rich("list", rich("section", said("x")), rich("section", said("y")), style="ordered"),
                rich("list", rich("section", said("z")), style="bullet", indent=1),
                rich("quote", said("q1\nq2")),
                rich("preformatted", said("code")),
                rich(
                    "section",
                    {"type": "link", "url": "http://x"},
                    {"type": "broadcast", "range": "here"},
                    {"type": "channel", "channel_id": "C404"},
                    {"type": "usergroup", "usergroup_id": "S404"},
                    {"type": "date", "timestamp": AT, "format": "{time}"},
                ),
            ],
        },
        "a :eyes:@U404\n1. x\n2. y\n  • z\n> q1\n> q2\ncode\nhttp://x@here#C404@S40410:05",
        id="rich text",
    ),
    pytest.param(
        {
            "type": "table",
            "rows": [
                [{"type": "raw_text", "text": "name"}, {"type": "raw_text", "text": "n"}],
                [{"type": "rich_text", "elements": [rich("section", said("gw"))]}, {"type": "raw_number", "value": 12}],
            ],
        },
        "name | n\ngw   | 12",
        id="table",
    ),
    pytest.param(
        {
            "type": "input",
            "label": words("Why"),
            "hint": words("short"),
            "element": {"type": "plain_text_input", "action_id": "a", "initial_value": "x"},
        },
        "Why (short): [x]",
        id="input",
    ),
    pytest.param({"type": "video"}, "", id="what has no words"),
]


@pytest.mark.parametrize(("block", "shown"), BLOCKS)
async def test_blocks_are_shown_as_text(ws: Workspace, block: Json, shown: str) -> None:
    ana = ws.person("ana", tz="Europe/Berlin")

    assert Plain(ws.core.store, ana.user).blocks([block]) == shown


async def test_a_channel_reads_as_slack_shows_it(clock: SetClock) -> None:
    async with Workspace.open(clock=clock) as ws:
        ana, ben = ws.person("ana", tz="Europe/Berlin"), ws.person("ben")
        channel = ws.channel("ops", [ana, ben])
        await ana.set_topic(channel, "quiet")
        first = await ana.say(channel, "down?\nlooks so")
        later = await ben.say(channel, "lunch?")
        reply = await ben.say(channel, "yes", thread=first)
        await ben.react(first, "eyes")
        await ben.pin(first)
        await ben.edit(reply, "yes indeed")
        ws.core.feed.notice(channel, "psst", to=ana.id)

        lines = channel_lines(ana, channel)
        dm = channel_lines(ana, ana.dm())

    assert later.ts < reply.ts
    assert lines == [
        "#ops | quiet",
        "[10:00] ana: @ana set the channel topic: quiet",
        "[10:00] ana (pinned): down?",
        "        looks so",
        "        :eyes: 1",
        "    | [10:00] ben (edited): yes indeed",
        "[10:00] ben: lunch?",
        "[10:00] slackbot (only visible to you): psst",
    ]
    assert dm == ["Direct message"]


async def test_bookmarks_stand_in_the_head(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    await client.bookmarks_add(channel_id=channel.id, title="Runbook", type="link", link="https://example.com/")

    assert channel_lines(ana, channel) == ["#ops", "[Runbook] https://example.com/"]


async def test_a_modal_stands_in_a_frame(ws: Workspace) -> None:
    ana = ws.person("ana")
    view = {"type": "modal", "title": words("Ask"), "close": words("Cancel"), "blocks": [{"type": "divider"}]}
    ws.core.surfaces.open(ws.core.surfaces.trigger(ana.id), view)

    modal = await ana.wait_for_modal()

    assert view_lines(modal) == [
        "+----------------------+",
        "| Ask                  |",
        "| -------------------- |",
        "| [Cancel]             |",
        "+----------------------+",
    ]
