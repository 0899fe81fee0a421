"""Blocks and views that the tests put together."""

from typing import Any

Json = dict[str, Any]


def button(action_id: str, words: str, **more: object) -> Json:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": words}, **more}


def option(value: str, words: str) -> Json:
    return {"value": value, "text": {"type": "plain_text", "text": words}}


def menu(kind: str, action_id: str, **more: object) -> Json:
    return {"type": kind, "action_id": action_id, "options": [option("a", "Alpha"), option("b", "Beta")], **more}


def words(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def modal(title: str = "Ask", **more: object) -> Json:
    """A modal with one input that must be filled and one that may be left empty."""
    return {
        "type": "modal",
        "callback_id": "ask",
        "title": words(title),
        "submit": words("Send"),
        "close": words("Cancel"),
        "private_metadata": "row-1",
        "blocks": [
            {
                "type": "input",
                "block_id": "why",
                "label": words("Reason"),
                "element": {"type": "plain_text_input", "action_id": "reason"},
            },
            {
                "type": "input",
                "block_id": "size",
                "label": words("Severity"),
                "optional": True,
                "element": menu("static_select", "severity"),
            },
        ],
        **more,
    }
