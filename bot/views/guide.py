"""Help: one command explained, or what there is to type."""

from __future__ import annotations

from bot.core.mrkdwn import bold, code, escape, mrkdwn
from bot.core.results import CommandHelp, HelpIndex
from bot.views.fit import message
from bot.views.parts import header, packed, small
from bot.views.payload import Payload


def command_help(result: CommandHelp) -> Payload:
    """Usage, options, examples, and who may run it."""
    needs = f"Role: {escape(result.role)} · Risk: {escape(result.risk)}"
    options = [f"{code(option)}  {escape(meaning)}" for option, meaning in result.options]
    examples = [code(example) for example in result.examples]
    blocks = [
        *header(result.command),
        *packed([escape(result.summary), code(result.usage)]),
        *packed([bold("Options"), *options] if options else []),
        *packed([bold("Examples"), *examples] if examples else []),
        *small([needs]),
    ]
    first = f"{escape(result.command)}: {escape(result.summary)}"
    return message([first, code(result.usage), *options, *examples, needs], blocks)


def help_index(result: HelpIndex) -> Payload:
    """Every command that the reader may run, by family."""
    lines: list[str] = []
    for family, entries in result.families:
        if family and len(result.families) > 1:
            lines.append(bold(family))
        lines += [f"{code(usage)}  {escape(summary)}" for usage, summary in entries]
    notes = [mrkdwn(result.note), f"More on each: {code(f'{result.root} <command> help')}" if lines else ""]
    blocks = [*header(f"What {result.root} can do"), *packed(lines), *small(notes)]
    return message([f"What {escape(result.root)} can do", *lines, *notes], blocks)
