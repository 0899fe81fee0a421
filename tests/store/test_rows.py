import json
from collections.abc import Hashable
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from bot.core.parts import State
from bot.core.plan import Action, Area, Call, LeaseTerms, Plan, Risk
from bot.core.prose import Bold, Channel, Code, Link, Person, When
from bot.core.results import Field
from bot.store.rows import clean, dump, load

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
MOMENTS = st.datetimes(timezones=st.just(UTC))
INLINE = st.one_of(
    TEXT,
    st.builds(When, MOMENTS, date=st.booleans()),
    st.builds(Link, TEXT, TEXT),
    *(st.builds(kind, TEXT) for kind in (Person, Channel, Code, Bold)),
)
LINES = TEXT | st.lists(INLINE, max_size=3).map(tuple)
CALLS = st.builds(Call, st.lists(TEXT, max_size=2).map(tuple), st.dictionaries(TEXT, JSON, max_size=2))
ACTIONS = st.lists(
    st.builds(Action, TEXT, TEXT, st.dictionaries(TEXT, JSON, max_size=2), st.lists(TEXT, max_size=2).map(tuple)),
    max_size=2,
).map(tuple)
LEASES = st.builds(LeaseTerms, TEXT, TEXT, TEXT, st.none() | st.timedeltas(), CALLS)
PLANS = st.builds(
    Plan,
    title=TEXT,
    area=st.sampled_from(Area),
    changes=st.lists(st.builds(Field, TEXT, LINES, st.none() | st.sampled_from(State)), max_size=2).map(tuple),
    actions=ACTIONS,
    undo=ACTIONS,
    preconditions=st.dictionaries(TEXT, TEXT, max_size=2),
    warnings=st.lists(LINES, max_size=2).map(tuple),
    lease=st.none() | LEASES,
    ends=st.lists(TEXT, max_size=2).map(tuple),
    risk=st.sampled_from(Risk),
)


def stored(kind: Hashable, value: object) -> object:
    """What a jsonb column gives back of a value."""
    jsonb = dump(kind, value)
    assert jsonb.dumps is not None
    return json.loads(jsonb.dumps(jsonb.obj))


@given(PLANS)
def test_a_plan_comes_back_as_it_was_stored_and_with_its_hash(plan: Plan) -> None:
    loaded = load(Plan, stored(Plan, plan))

    assert loaded == plan
    assert loaded.hash == plan.hash


@given(st.lists(st.sampled_from(["\0", "\\", "u0000", "\ud83d", "x", '"'])).map("".join))
def test_text_that_postgres_cannot_hold_is_replaced_in_json_and_the_rest_kept(text: str) -> None:
    assert stored(str, text) == clean(text)


@given(st.text())
def test_clean_text_has_no_nul_and_can_be_encoded(text: str) -> None:
    assert "\0" not in clean(text)
    assert clean(text).encode().decode() == clean(text)
