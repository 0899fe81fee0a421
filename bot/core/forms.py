"""A command's form, made from the same model that parses its text."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import timedelta
from types import MappingProxyType

from bot.core.command import Command, Offers
from bot.core.errors import UsageError
from bot.core.parameters import Parameter, parameters
from bot.core.parse import user_id
from bot.core.results import Form, FormField, FormKind

LONGEST = 60_000
"""Characters of a text that a form shows; Slack takes no form of any size."""


def form(
    command: Command,
    *,
    row_id: str,
    given: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    kept: Container[str] = (),
    offered: Offers = MappingProxyType({}),
) -> Form:
    """The questions of `command`; `given` (from `parse.gather`) is filled in, `faults` (of a `UsageError`) are shown.

    Parameters named in `kept` are not asked for: whoever opens the form knows them. For `offered` see `Filling`.

    `parse.validate` turns the answers, by the same names, into the arguments.
    """
    fields = tuple(
        _field(
            parameter,
            (given or {}).get(parameter.name, ""),
            (faults or {}).get(parameter.name, ""),
            offered.get(parameter.name, ()),
        )
        for parameter in parameters(command.args)
        if parameter.name not in kept
    )
    name = command.name.capitalize()
    # A change goes on with its plan, which has its own button; everything else is done with this one.
    submit = "Continue" if command.plan else name
    return Form(title=name, submit=submit, row_id=row_id, fields=fields, intro=command.summary)


def _field(parameter: Parameter, value: str, error: str, offered: tuple[tuple[str, str], ...]) -> FormField:
    if parameter.person:
        value = _person(value)
    by_word = {choice.lower(): choice for choice in parameter.choices}
    return FormField(
        name=parameter.name,
        label=parameter.flag.replace("-", " ").capitalize(),
        kind=FormKind.SEVERAL if offered else _kind(parameter),
        required=parameter.required,
        hint=_hint(parameter),
        choices=parameter.choices,
        value=by_word.get(value.lower(), value),
        error=error,
        offered=offered,
    )


def _person(value: str) -> str:
    """The id behind a mention; nothing for what is none, which would make Slack refuse the form."""
    try:
        return user_id(value)
    except UsageError:
        return ""


def _kind(parameter: Parameter) -> FormKind:
    if parameter.kind is bool:
        return FormKind.TICK
    if parameter.choices:
        return FormKind.CHOICE
    if parameter.person:
        return FormKind.PERSON
    return FormKind.PARAGRAPH if parameter.words else FormKind.LINE


def _hint(parameter: Parameter) -> str:
    return f"{parameter.description} For example 30m.".strip() if parameter.kind is timedelta else parameter.description
