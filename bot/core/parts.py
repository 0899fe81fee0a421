"""What results are made of: a state, a button."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something is; `UNKNOWN` is a state of its own and never shown as good."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"

    @staticmethod
    def worst(states: tuple[State, ...]) -> State:
        """The one to lead with: fail, then unknown, then warn, then ok; nothing checked is unknown."""
        for state in (State.FAIL, State.UNKNOWN, State.WARN, State.OK):
            if state in states:
                return state
        return State.UNKNOWN


class Style(StrEnum):
    """How a button looks; the words on it say what it does."""

    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """A click that the pipeline answers: `verb` names the handler, `row_id` the row in the store, and nothing else.

    `confirm` is the question that Slack asks before the click counts.
    """

    label: str
    verb: str
    row_id: str
    style: Style = Style.PLAIN
    confirm: str = ""
