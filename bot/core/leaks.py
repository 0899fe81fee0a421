"""What gives a secret away by its form or by the name beside it: tokens, keys, cards, wallets, pairs.

All of it takes time linear in the text: quantifiers are bounded, or begin where a run begins and never fail after it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

_WORD = r"(?<![A-Za-z0-9_-])"

_MIXED = "(?=[1-9a-z]{0,33}[A-Z])(?=[1-9A-Z]{0,33}[a-z])"  # hexadecimal ids are not
_TOKENS = tuple(
    (kind, hints.split(), re.compile(pattern, re.ASCII))
    for kind, hints, pattern in (
        ("slack-token", "xox xapp-", rf"{_WORD}(?:xox[a-z]-|xoxe\.xox[a-z]-|xapp-\d-)[A-Za-z0-9-]{{10,}}"),
        ("slack-webhook", "hooks.slack", r"(?<=slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,}"),
        ("aws-key", "AKIA ASIA ABIA ACCA", rf"{_WORD}(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{{16}}(?![A-Za-z0-9])"),
        ("api-key", "k_", rf"{_WORD}[srcp]k_(?:live|test|production|staging|development)_[A-Za-z0-9+/_=-]{{8,}}"),
        ("webhook-secret", "whsec_", rf"{_WORD}whsec_[A-Za-z0-9+/_=-]{{8,}}"),
        ("github-token", "gh", rf"{_WORD}(?:gh[pousr]_[A-Za-z0-9]{{20,}}|github_pat_[A-Za-z0-9_]{{20,}})"),
        ("gitlab-token", "glpat-", rf"{_WORD}glpat-[A-Za-z0-9_-]{{20,}}"),
        ("npm-token", "npm_", rf"{_WORD}npm_[A-Za-z0-9]{{36}}"),
        ("google-key", "AIza", rf"{_WORD}AIza[A-Za-z0-9_-]{{35}}"),
        ("sk-key", "sk-", rf"{_WORD}sk-(?=[A-Za-z_-]{{0,60}}\d)[A-Za-z0-9_-]{{20,}}"),
        ("sendgrid-key", "SG.", rf"{_WORD}SG\.[A-Za-z0-9_-]{{16,64}}\.[A-Za-z0-9_-]{{16,}}"),
        ("jwt", "eyJ", rf"{_WORD}eyJ[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]{{8,}}(?:\.[A-Za-z0-9_-]*)?"),
        ("ethereum-wallet", "0x 0X", r"(?<![A-Za-z0-9])0[xX][0-9a-fA-F]{40}(?![A-Za-z0-9])"),
        ("bitcoin-wallet", "bc1 tb1", r"(?<![A-Za-z0-9])(?:bc|tb)1[ac-hj-np-z02-9]{38,87}(?![A-Za-z0-9])"),
        ("bitcoin-wallet", "1 3", rf"(?<![A-Za-z0-9])[13]{_MIXED}[1-9A-HJ-NP-Za-km-z]{{31,34}}(?![A-Za-z0-9])"),
    )
)
"""What is masked, one of the words that it cannot do without, and its form."""

_BEARER = re.compile(r"\b(bearer[ \t]{1,4})(?=[A-Za-z._~+/-]{0,200}[\d=])[\w.~+/=-]{8,}", re.ASCII | re.IGNORECASE)
_BASIC = re.compile(r"\b(basic[ \t]{1,4})([A-Za-z0-9+/_-]{6,}={0,2})", re.ASCII | re.IGNORECASE)
_CONNECTION = re.compile(
    r"(?<![A-Za-z0-9+.-])([a-z][a-z0-9+.-]{1,20}://)"
    r"(?:([^\s:/@\"'<>\[\]]{0,100}:)(?!\[redacted)[^\s/\"'<>]{1,256}|[A-Za-z0-9_-]{16,256})@",
    re.ASCII | re.IGNORECASE,
)
_CARD = re.compile(
    r"(?<![A-Za-z0-9])(?<!\d[.-])"
    r"(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5})"
    r"(?![A-Za-z0-9])(?![.]\d)",
    re.ASCII,
)
_NETWORKS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|(?:6011|64[4-9]\d|65\d\d|35\d\d)\d{12}|62\d{14,17}|(?:50|5[6-8]|6[37])\d{14,17}"
)
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])", re.ASCII)

_NAME = re.compile(r"""(?<![\w.-])-{0,2}(\w[\w.-]*+)(\\{0,4}["']?[ \t]{0,2}(?:=>|[:=])[ \t]{0,2})""", re.ASCII)
_FLAG = re.compile(r"(?<!\S)--([A-Za-z][\w-]*+)([ \t]{1,2})(?=[^-\s])", re.ASCII)
_QUOTED = re.compile(r"""\\{1,4}["'][^"'\\\n]*|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?""")
_BARE = re.compile(r"""(?:[^\s"'\\]|\\(?!["'nrt]))+?(?=[,;)}\]]{0,8}(?:[\s"']|\\["'nrt]|$))""")
_IN_QUERY = re.compile(r"""(?:[^\s"'&\\]|\\(?!["'nrt]))+?(?=[,;)}\]]{0,8}(?:[\s"'&]|\\["'nrt]|$))""")
_SENTENCE = re.compile(r"""[^"'\n]+""")
_NAME_ENDS = 60
_SECRET_NAME = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|(?:api|secret|private|access|signing|encryption|master|service)key"
    r"|credentials?|mnemonic|seedphrase|authorization|cookie|cvv|cvc|secretkeybase|connectionstring)\d*\Z"
)
_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]*_(?:KEY|PASS|AUTH|PIN|SEED|SALT|DSN|SIGNATURE)")
_OPEN_KEY = re.compile(r"(?:PUBLIC|PUBLISHABLE|PRIMARY|FOREIGN|CACHE|IDEMPOTENCY|PARTITION|SORT|ROUTING|OBJECT)_?KEY\Z")
_SPELLED_OUT = re.compile(r"(?:mnemonic|seedphrase|passphrase|cookie)\Z")
_PLACEHOLDER = re.compile(
    r"\[redacted.*|\$[A-Z{(].*|<[^>]*>|[^A-Za-z0-9]*|x+|true|false|null|nil|none|undefined|yes|no",
    re.IGNORECASE | re.DOTALL,
)
_STATES = frozenset(
    (  # noqa: SIM905 - a list of words is read best as words
        "absent accepted available bad basic bearer bucket cannot changed denied disabled empty enabled expired failed "
        "forbidden generated granted has include incorrect invalid is issued malformed mismatch missing must needs not "
        "ok omit present refreshed refused rejected required revoked rotated same-origin set should signature the too "
        "unauthorized unknown unset updated valid verified was were wrong"
    ).split()
)


def is_secret_name(name: str) -> bool:
    """Whether what stands beside `name` is taken for a secret: `DB_PASSWORD`, `apiKey`, `x-client-secret`."""
    name = name[-_NAME_ENDS:]
    if _OPEN_KEY.search(name.upper().replace("-", "_")):
        return False
    return _ENV_NAME.fullmatch(name) is not None or _SECRET_NAME.search(_joined(name)) is not None


def mask(name: str = "") -> str:
    """What is shown in place of a secret."""
    return f"[redacted:{name}]" if name else "[redacted]"


def mask_emails(text: str) -> str:
    """`text` without addresses of people; only logs are full of those whom nobody meant to show."""
    return _EMAIL.sub(mask("email"), text) if "@" in text else text


def mask_forms(text: str) -> str:
    """`text` without what is a secret by its form."""
    for kind, hints, pattern in _TOKENS:
        if any(hint in text for hint in hints):
            text = pattern.sub(mask(kind), text)
    schemes = text.lower()
    if "bearer" in schemes:
        text = _BEARER.sub(rf"\g<1>{mask('bearer')}", text)
    if "basic" in schemes:
        text = _BASIC.sub(_basic, text)
    if "://" in text:
        text = _CONNECTION.sub(lambda found: f"{found[1]}{found[2] or ''}{mask('password')}@", text)
    return _CARD.sub(_card, text)


def mask_pairs(text: str, known: Mapping[str, str]) -> str:
    """`text` without the values of pairs whose name says secret.

    `known` has the values of names that are too short or too plain to be told from other words anywhere else.
    """
    shown: list[str] = []
    at = 0
    for found in sorted([*_NAME.finditer(text), *_FLAG.finditer(text)], key=re.Match.end):
        name, start = found[1], found.end()
        if start < at or not (name in known or is_secret_name(name)):
            continue
        value = _shape(name, text[start : start + 1]).match(text, start)
        if value is None:
            continue
        bare = value[0].strip("\\\"'")
        if known.get(name) == bare or _is_secret(found[2], value, bare):
            before, _, after = value[0].partition(bare)
            shown += [text[at:start], before, mask(name), after]
            at = value.end()
    return "".join(shown) + text[at:]


def _shape(name: str, first: str) -> re.Pattern[str]:
    """How far the value of `name` goes: to its quote, to the end of the line or of the word, to the next `&`."""
    if first in {'"', "'", "\\"}:
        return _QUOTED
    if _SPELLED_OUT.search(_joined(name)):
        return _SENTENCE
    return _BARE if name.isupper() else _IN_QUERY


def _is_secret(separator: str, value: re.Match[str], bare: str) -> bool:
    """Whether the value is one; "token: expired" and "password: must be longer" are prose."""
    if _PLACEHOLDER.fullmatch(bare) or bare.lower() in _STATES or bare.startswith("/"):
        return False
    is_prose = ":" in separator and not {'"', "'"} & {*separator, value[0][0]}
    ends_line = value.string[value.end() : value.end() + 1] in {"", "\n", "\r", ",", ";", "&", "}", ")", "]"}
    return not (is_prose and bare.isalpha() and not ends_line)


def _joined(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name[-_NAME_ENDS:].rpartition(".")[2].lower())


def _basic(found: re.Match[str]) -> str:
    """Masks what decodes to `user:password`."""
    coded = found[2].rstrip("=")
    try:
        plain = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_" if {*"-_"} & {*coded} else b"+/")
    except binascii.Error:
        return found[0]
    return f"{found[1]}{mask('basic')}" if b":" in plain else found[0]


def _card(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    fits = (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0
    return mask("card") if fits and _NETWORKS.fullmatch(digits) else found[0]
