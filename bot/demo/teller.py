"""Tells what people see, as it changes: each message once, and again when it is edited or removed."""

from __future__ import annotations

from bot.demo.tools import Say
from bot.demo.workspace import Person, Seen
from bot.demo.workspace.records import Channel
from bot.demo.workspace.screen import message_lines, view_lines


class Teller:
    """Remembers what each person was shown of each channel, and prints the difference."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._told: dict[tuple[str, str], dict[str, str]] = {}
        self._forms: dict[str, str] = {}

    def act(self, person: Person, channel: Channel, what: str) -> None:
        """Say what a person does."""
        self._say(f"\n{person.name} in #{channel.name or person.name}> {what}")

    def show(self, person: Person, channel: Channel) -> None:
        """Print what is new to the person in the channel, and the modal in front of them if that is."""
        told = self._told.setdefault((person.id, channel.id), {})
        seen = {message.ts: message for message in person.sees(channel)}
        for ts, message in seen.items():
            lines = _lines(person, message)
            if told.get(ts) != lines:
                self._say(lines)
                told[ts] = lines
        for ts in told.keys() - seen.keys():
            del told[ts]
        form = "\n".join(view_lines(person.modal)) if person.modal else ""
        if form and form != self._forms.get(person.id):
            self._say(form)
        self._forms[person.id] = form

    def skip(self, person: Person, channel: Channel) -> None:
        """Take as told what stands in the channel now."""
        self._told[person.id, channel.id] = {each.ts: _lines(person, each) for each in person.sees(channel)}


def _lines(person: Person, message: Seen) -> str:
    return "\n".join(f"  {line}" for line in message_lines(person, message))
