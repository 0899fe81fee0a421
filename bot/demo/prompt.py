"""The demo's prompt: whoever types here is a user of the local Slack."""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
import sys
from collections.abc import Awaitable, Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.patch_stdout import patch_stdout

from bot.core.registry import Registry
from bot.demo.gateway import GatewayError
from bot.demo.gateway.breakage import Breakage
from bot.demo.teller import Teller
from bot.demo.tools import Say
from bot.demo.workspace import Person, Seen
from bot.demo.workspace.records import Channel
from bot.demo.workspace.screen import channel_lines, view_lines
from bot.demo.world import World

_HELP = """\
A line that begins with / is a slash command, anything else is said in the channel. And:
  :as NAME             be somebody else: ana (on call), ben (commander), eve (a guest)
  :go CHANNEL          go to another channel;  :channels lists them
  :click WORDS         click the newest button that says so;  :buttons lists them
  :fill NAME VALUE     fill in a field of the form in front of you;  :submit sends it,  :close drops it
  :reply WORDS         answer below the last message;  :edit WORDS and :delete change your own last one
  :react NAME          react to the last message;  :menu WORDS chooses in its menu: add to timeline, edit, redact
  :byhand RELEASE      a colleague deploys without the bot; v1.3.0-badstart crashes at its start
  :break WAY           crash, slow, errors, pool, backup or provider: see #payments-alerts;  :mend puts it back
  :break worker        kills one of the workers for good; the bot may bring it back by itself here: /ops automation
  :screen  :home  :help  :quit"""
_WAIT = 1.5
"""Seconds in which most answers come; later ones are shown as they come."""


class Prompt:
    """Who is typing, and where."""

    def __init__(self, world: World, teller: Teller, say: Say) -> None:
        self._world = world
        self._teller = teller
        self._say = say
        self._person: Person = world.ana
        self._channel: Channel = world.operations
        self._breakage = Breakage(world.gateway)
        self._verbs: dict[str, Callable[[str], Awaitable[None]]] = {
            "as": self._as,
            "go": self._go,
            "channels": self._channels,
            "click": self._click,
            "buttons": self._buttons,
            "fill": self._fill,
            "submit": self._submit,
            "close": self._close,
            "reply": self._reply,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "menu": self._menu,
            "byhand": self._byhand,
            "break": self._break,
            "mend": self._mend,
            "screen": self._screen,
            "home": self._home,
            "help": self._help,
        }

    async def attend(self) -> None:
        """Take lines until :quit or the end of the input."""
        slack = self._world.workspace
        self._say(f"\nYou are in a local Slack ({slack.url}). Try /ops help, /ops status or /ops digest run health.")
        self._say(f"{_HELP}\n")
        self._say(f"Other programs act here by {slack.url}/control/ACTION?token={slack.control_token}\n")
        self._say(f"An alert from outside, to try in another terminal:\n{_alert(self._world)}\n")
        self._teller.skip(self._person, self._channel)
        lines = PromptSession[str]() if sys.stdin.isatty() else await _piped()
        with patch_stdout():
            watching = asyncio.create_task(self._watch(), name="screen")
            try:
                while (line := await self._line(lines)) != ":quit":
                    await self._take(line)
            except (EOFError, KeyboardInterrupt):
                pass
            finally:
                watching.cancel()

    async def _line(self, lines: PromptSession[str] | asyncio.StreamReader) -> str:
        prompt = f"{self._person.name} in #{self._channel.name}> "
        if isinstance(lines, PromptSession):
            words = ["/ops ", "/incident ", *(f":{verb}" for verb in self._verbs), ":quit"]
            return str(await lines.prompt_async(prompt, completer=WordCompleter(words, sentence=True))).strip()
        line = (await lines.readline()).decode(errors="replace")
        if not line:
            raise EOFError
        self._say(f"{prompt}{line.rstrip()}")
        return line.strip()

    async def _watch(self) -> None:
        """Show what comes, whoever caused it."""
        while True:
            await asyncio.sleep(0.2)
            self._teller.show(self._person, self._channel)

    async def _take(self, line: str) -> None:
        verb, _, rest = line.removeprefix(":").partition(" ")
        try:
            if line.startswith("/"):
                turn = await self._person.command(self._channel, line)
                if turn.timed_out:
                    self._say("  Slack: the app did not answer in time.")
            elif line.startswith(":"):
                if verb not in self._verbs:
                    self._say(f"  No such thing: :{verb}. :help tells what there is.")
                else:
                    await self._verbs[verb](rest.strip())
            elif line:
                await self._person.say(self._channel, line)
        except (LookupError, PermissionError, TimeoutError, ValueError) as error:
            self._say(f"  {error}")
        await asyncio.sleep(_WAIT)

    async def _as(self, name: str) -> None:
        people = {person.name: person for person in (self._world.ana, self._world.ben, self._world.eve)}
        if name not in people:
            raise LookupError(f"There are {', '.join(people)}.")
        self._person = people[name]
        self._teller.skip(self._person, self._channel)

    async def _go(self, name: str) -> None:
        found = {each.name: each for each in self._open_channels()}
        if name.removeprefix("#") not in found:
            raise LookupError(f"There are {', '.join(f'#{each}' for each in found)}.")
        self._channel = found[name.removeprefix("#")]
        await self._screen("")

    async def _channels(self, _: str) -> None:
        for channel in self._open_channels():
            self._say(f"  #{channel.name}  {channel.topic.value}")

    def _open_channels(self) -> list[Channel]:
        channels = self._world.workspace.core.store.channels.values()
        return [each for each in channels if each.name and (not each.private or self._person.id in each.members)]

    async def _click(self, words: str) -> None:
        for message in reversed(self._person.sees(self._channel)):
            for label in message.buttons():
                if words.lower() in label.lower():
                    await self._person.click(message, label)
                    return
        raise LookupError(f'No button here says "{words}".')

    async def _buttons(self, _: str) -> None:
        for message in self._person.sees(self._channel):
            if message.buttons():
                self._say(f"  {'  '.join(f'[{label}]' for label in message.buttons())}")

    async def _fill(self, words: str) -> None:
        if self._person.modal is None:
            raise LookupError("No form is open.")
        name, _, value = words.partition(" ")
        self._person.fill(self._person.modal, {name: value})

    async def _submit(self, _: str) -> None:
        if self._person.modal is None:
            raise LookupError("No form is open.")
        await self._person.submit(self._person.modal)

    async def _close(self, _: str) -> None:
        if self._person.modal is None:
            raise LookupError("No form is open.")
        await self._person.close(self._person.modal)

    async def _reply(self, words: str) -> None:
        await self._person.say(self._channel, words, thread=self._last())

    async def _edit(self, words: str) -> None:
        await self._person.edit(self._last(own=True), words)

    async def _delete(self, _: str) -> None:
        await self._person.delete(self._last(own=True))

    async def _react(self, name: str) -> None:
        await self._person.react(self._last(), name.strip(":"))

    async def _menu(self, words: str) -> None:
        shortcuts = Registry.discover().shortcuts.values()
        for shortcut in shortcuts:
            if words.lower() in shortcut.title.lower():
                await self._person.shortcut(self._last(), shortcut.verb)
                return
        raise LookupError(f"There are {', '.join(shortcut.title for shortcut in shortcuts)}.")

    def _last(self, *, own: bool = False) -> Seen:
        seen = [each for each in self._person.sees(self._channel) if not each.ephemeral and not each.deleted]
        fitting = [each for each in seen if not own or each.user == self._person.id]
        if not fitting:
            raise LookupError("There is no such message here.")
        return fitting[-1]

    async def _byhand(self, release: str) -> None:
        try:
            await self._world.gateway.deploy_by_hand(release)
        except GatewayError as error:
            raise LookupError(str(error)) from error
        self._say(f"  A colleague has checked out {release} and reloaded; PM2 reported success.")

    async def _break(self, way: str) -> None:
        try:
            await self._breakage.break_(way)
        except GatewayError as error:
            raise LookupError(str(error)) from error
        self._say(f"  Broken: {way}. The watches will tell within a minute.")

    async def _mend(self, _: str) -> None:
        await self._breakage.mend()
        self._say("  Everything that was broken here is put back.")

    async def _screen(self, _: str) -> None:
        self._say("\n".join(channel_lines(self._person, self._channel)))
        self._teller.skip(self._person, self._channel)

    async def _home(self, _: str) -> None:
        await self._person.open_home()
        self._say("\n".join(view_lines(await self._person.wait_for_home())))

    async def _help(self, _: str) -> None:
        self._say(_HELP)


async def _piped() -> asyncio.StreamReader:
    """Standard input where it is no terminal; a pipe without a thread, which could not be ended with the demo."""
    reader = asyncio.StreamReader()
    kind = os.fstat(sys.stdin.fileno()).st_mode
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    else:  # a file, or nothing: all of it is there
        reader.feed_data(sys.stdin.buffer.read())
        reader.feed_eof()
    return reader


def _alert(world: World) -> str:
    """A command that sends an alert to the bot; it reads the secret from its file, so that it stands on no screen."""
    secret = shlex.quote(str(world.data / "secrets" / "alerts__generic_secret"))
    body = '{"alerts": [{"id": "disk-1", "title": "Disk almost full", "severity": "critical", "text": "2 % left"}]}'
    return (
        f'  curl -H "Authorization: Bearer $(cat {secret})" -H "Content-Type: application/json" '
        f"-d '{body}' http://127.0.0.1:{world.bot.port}/webhooks/generic"
    )
