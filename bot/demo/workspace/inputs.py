"""Interactive elements: where they stand, what they hold, and what a person's choice makes of them."""

from collections.abc import Iterator

from bot.demo.workspace.values import Json

# The field in which each element holds its value, and the one that presets it.
_VALUES = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "overflow": ("selected_option", ""),
}
_LISTS = {"selected_options", "selected_users", "selected_conversations", "selected_channels"}


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each interactive element with its block, in the order in which a person meets them."""
    for block in blocks:
        inner = block.get("elements", []) if block.get("type") in {"actions", "context_actions"} else []
        for element in [*inner, *(block[key] for key in ("accessory", "element") if key in block)]:
            if "action_id" in element or element.get("type") in _VALUES or element.get("type") == "button":
                yield block, element


def label(block: Json, element: Json) -> str:
    """The words by which a person knows an element."""
    for holder, key in ((element, "text"), (block, "label"), (element, "placeholder"), (block, "text")):
        if isinstance(holder.get(key), dict):
            return str(holder[key]["text"])
    return ""


def find(blocks: list[Json], name: str) -> tuple[Json, Json] | None:
    """The element whose action_id, words or block_id are `name`, looked for in that order."""
    found = list(elements(blocks))
    for block, element in found:
        if element.get("action_id") == name:
            return block, element
    for block, element in found:
        if name in {label(block, element), block.get("block_id")}:
            return block, element
    return None


def initial_state(blocks: list[Json]) -> dict[str, Json]:
    """What a view holds before anyone touched it, by block_id and action_id."""
    state: dict[str, Json] = {}
    for block, element in elements(blocks):
        if element["type"] in _VALUES and element["type"] != "overflow":
            key, preset = _VALUES[element["type"]]
            empty: list[object] | None = [] if key in _LISTS else None
            held = {"type": element["type"], key: element.get(preset, empty)}
            state.setdefault(block["block_id"], {})[element["action_id"]] = held
    return state


def keep(state: dict[str, Json], held: dict[str, Json]) -> None:
    """Puts into a fresh state what was held before, where block and action ids are the same."""
    for block_id, actions in state.items():
        actions.update({key: value for key, value in held.get(block_id, {}).items() if key in actions})


def chosen(element: Json, value: object) -> Json:
    """The value fields after a person chose `value`: an option's value or words, an id, a date, or typed words.

    Raises LookupError when there is no such option.
    """
    key, _ = _VALUES.get(element["type"], ("value", ""))
    if key == "selected_option":
        return {key: None if value is None else _option(element, value)}
    if key == "selected_options":
        assert isinstance(value, list | tuple | set)
        return {key: [_option(element, one) for one in value]}
    if key == "value":
        return {key: None if value in {None, ""} else str(value)}
    return {key: value}


def _option(element: Json, value: object) -> Json:
    groups = element.get("option_groups") or [{"options": element.get("options", [])}]
    options: list[Json] = [option for group in groups for option in group["options"]]
    for option in options:
        if value in {option["value"], option["text"]["text"]}:
            return option
    known = ", ".join(str(option["value"]) for option in options)
    raise LookupError(f"no option {value!r} in {element['action_id']}; there are: {known}")


def is_empty(held: Json) -> bool:
    """Whether an input was left unfilled."""
    return all(value in (None, "", []) for key, value in held.items() if key != "type")
