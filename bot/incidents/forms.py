"""What a message is by its form: code, figures, questions, commands; and the words that it may be about."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain

# Patterns of figures begin with a digit, and look back from there: most characters of a message are none.

_SCHEMES = ("://", "mailto:", "tel:")
_URL = re.compile(r"\(?(?:https?|mailto|slack|tel):[^\s)>|]+\)?", re.IGNORECASE)
_EMOJI = re.compile(r":[a-z0-9_+-]{2,40}:", re.IGNORECASE)
_WORD = re.compile(r"[^\W_][\w.\-/#]*[^\W_]|[^\W_]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])(?=[A-Z][a-z])")
_PARTS = re.compile(r"[_\-/]")
_COMMON_WORDS = """
    the and but for nor not you your yours our ours their them they this that these those there here with without
    from into onto over under about after before again then than too very just only also some any all each every
    both few more most other such own same can could will would shall should may might must have has had having been
    being was were are does did doing done what which who whom whose when where why how yes yeah yep nope okay well
    let lets get got getting going gone come came see seen saw say said says tell told know knew think thought look
    looks looking like want need one two now still back out off it's i'm i'll i've we're we've don't doesn't didn't
    isn't can't won't that's there's und oder aber der die das den dem ein eine einen ist sind war wir ich ihr sie
    mit von auf für nicht noch auch nur wie was les des une est sont pas nous vous ils elle avec pour dans sur que
    qui mais los las una son nos con por para pero como del não com uma mas pls please thanks thx hey hello morning
    good nice great sure right really maybe btw lol
"""
_COMMON = frozenset(_COMMON_WORDS.split())

_DIGIT = re.compile(r"\d")
_TICKED = re.compile(r"```|`[^`\n]{2,}`")
_FRAME = re.compile(r"\n\s+at ")
_ERROR = re.compile(r"\b[A-Z]\w+(?:Error|Exception)\b")
_STATUS = re.compile(r"(?:50[0-4]|429|40[01348])(?<![\w.]...)s?\b(?! ?[kKMG%])")

_MEASURE = re.compile(
    r"\d(?:(?<![\w.:#-].)[\d ,.']*\s?(?:%|ms\b|s\b|sec|min|m\b|h\b|[kmgt]i?b\b|k\b|rps|qps|req|x\b|/s|/min|°|€|\$)"
    r"|\d*\s?(?:/|of|von|out of|sur|de)\s?\d+|\s?(?:→|->|=>)\s?\d"
    r"|(?<![\w.:#-].)[\d ,']*\s+(?!uhr\b|of\b|a\b|in\b|is\b|more\b)[a-zé]{4,})",
    re.IGNORECASE,
)

_ALL_OF = re.compile(r"(\d(?<![\d.].)\d*)\s?(?:/|of|out of|von|sur|de)\s?\1(?![\d.])")

_CHANGES = re.compile(
    r"\d[\w%/]*\s?(?:→|->|=>|…|instead of|down to|up to|before\b|vs\.?|auf|statt|au lieu de|en vez de)\D{0,12}\d",
    re.IGNORECASE,
)
_FROM_TO = re.compile(r"\bfrom \d\S*( \w+)? to \d", re.IGNORECASE)

_ASKS = re.compile(r"\?(?:\s|$|[)\"'!?])")

_OBJECTS = re.compile(
    r"^\W*(?:wait|stop|hold on|halt|nope?|um+|uh oh|careful|warte|attends?|espera)\b\W{1,3}(?=\S)", re.IGNORECASE
)

_BEGINS = re.compile(
    r"^(?:(?:ok|now|just|i'?m|still|and|so) )*"
    r"(?!nothing|anything|something|everything|morning|evening|during|opening|closing|reopening|handing|moving|passing)"
    r"[a-z]{2,12}ing\b(?! (?:is|was|are|were)\b)",
    re.IGNORECASE,
)

_ENDED = re.compile(
    r"\b(?:P[0-4]|(?i:sev ?-?[0-4]|inc-?\d+|incident))\b (?i:(?:is|are|ist|est|está) )?(?i:(?:now|hereby) )?"
    r"(?i:closed|resolved|over|geschlossen|gelöst|fermé|clos|résolu|cerrado|resuelto)\b"
)
_ENDS_NOW = re.compile(
    r"(?:^|[,:\N{EN DASH}\N{EM DASH}-]\s*)(?:(?:so|ok|now|and|then|i'?m|we'?re)\s+)*resolving"
    r"(?:\s+(?:it|this|that|now|(?:the |this )?(?:incident|one)|#?[a-z]*-?\d+))*\W*$",
    re.IGNORECASE,
)
_TICKET_SIGNS = ("-", "#", "ticket", "case", "request")
_TICKET = re.compile(r"\b[A-Z]{2,10}-\d{2,}\b|(?<!\w)#\d{3,}\b|\b(?:ticket|case|request)\b \W?\d{3,}", re.ASCII)

_QUOTED = re.compile(r"[\"“„«][^\"”“»\n]*[\"”“»]")

_QUOTES = re.compile(r"[\"“„«][^\"”“»`]{12,}[\"”“»]")

_COMMAND = re.compile(r"\s*(?:[!/.][a-z][\w-]*(?:\s|$)|@?\w*bot\b[:,]?\s)", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!;?]\s+|\n")


# Each of these begins with what it cannot do without: most messages end there.


def shows_code(text: str) -> bool:
    """Whether `text` has code, a log line or an error in it."""
    return bool(
        ("`" in text and _TICKED.search(text))
        or ("\n" in text and _FRAME.search(text))
        or (("Error" in text or "Exception" in text) and _ERROR.search(text))
        or _STATUS.search(text)
    )


def has_digits(text: str) -> bool:
    """Whether there is a figure in `text`."""
    return bool(_DIGIT.search(text))


def figures_in(text: str) -> int:
    """How many figures `text` tells with what they count."""
    return sum(1 for _ in _MEASURE.finditer(text))


def tells_that_all(text: str) -> bool:
    """`60/60`, `20 out of 20`."""
    return bool(_ALL_OF.search(text))


def tells_a_change(text: str) -> bool:
    """One figure, then another."""
    return bool(_CHANGES.search(text) or (" to " in text and _FROM_TO.search(text)))


def names_a_ticket(text: str) -> bool:
    """A ticket by its number."""
    return any(sign in text for sign in _TICKET_SIGNS) and bool(_TICKET.search(text))


def ends_the_incident(text: str) -> bool:
    """`P1 is closed`, `INC-17 resolved`, `stable for 50 min, resolving`."""
    return bool(_ENDED.search(text) or ("esolving" in text and _ENDS_NOW.search(text)))


def asks(text: str) -> bool:
    """Whether `text` has a question."""
    return "?" in text and bool(_ASKS.search(text))


def quotes(text: str) -> bool:
    """Whether `text` has the words of somebody else."""
    return bool(_QUOTES.search(text))


def objects(text: str) -> bool:
    """Whether somebody interrupts."""
    return bool(_OBJECTS.match(text))


def begins(text: str) -> bool:
    """Whether somebody says what they are about to do or at: `restarting gw-1`."""
    return "ing" in text and bool(_BEGINS.match(text))


def is_command(text: str) -> bool:
    """Whether somebody tells a bot to do something."""
    return bool(_COMMAND.match(text))


def outside_code(text: str) -> str:
    """`text` without what stands in code blocks."""
    return "".join(text.split("```")[::2]) if "```" in text else text


def unquoted(text: str) -> str:
    """`text` without what it quotes."""
    return _QUOTED.sub(" ", text)


def sentences(text: str) -> list[str]:
    """The sentences of `text` outside of code blocks."""
    return _SENTENCE.split(outside_code(text))


def words_of(text: str) -> frozenset[str]:
    """The words that `text` may be about: `CheckoutLatencyP95` is one, and so are its parts."""
    if ":" in text:
        text = _EMOJI.sub(" ", text)
        text = _URL.sub(" ", text) if any(scheme in text for scheme in _SCHEMES) else text
    found = _WORD.findall(text)
    return frozenset(chain.from_iterable(map(_words_in, found)))


@lru_cache(maxsize=16_384)
def _words_in(word: str) -> tuple[str, ...]:
    low = word.lower()
    parts = [low]
    if word[1:] != low[1:]:
        parts += (part.lower() for part in _CAMEL.split(word))
    elif not low.isalnum():
        parts += _PARTS.split(low)
    return tuple(
        part
        for part in parts
        if len(part) > 2 and part not in _COMMON  # noqa: PLR2004 - shorter ones are of every message
    )
