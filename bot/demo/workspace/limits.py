"""Slack's limits: its own validators in slack_sdk, plus the counts that those miss."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.demo.workspace.values import Json, SlackError

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
TEXT_LENGTH = 40_000
BLOCKS_LENGTH = 13_200
TABLE_ROWS = 100
TABLE_CELLS = 20
METADATA_BYTES = 8_000
VIEW_BYTES = 250_000
_MESSAGE_ONLY = {"table", "markdown"}


def check_content(text: str, blocks: list[Json] | None) -> str:
    """The text as Slack keeps it (cut at 40,000 characters), or no_text, invalid_blocks, msg_blocks_too_long."""
    if not text and not blocks:
        raise SlackError("no_text")
    if blocks:
        check_blocks(blocks, most=MESSAGE_BLOCKS, unfit=set())
        if sum(len(words) for block in blocks for words in _texts(block)) > BLOCKS_LENGTH:
            raise SlackError("msg_blocks_too_long")
    return text[:TEXT_LENGTH]


def check_blocks(blocks: object, *, most: int, unfit: set[str]) -> None:
    """Refuses blocks that Slack refuses; `unfit` names the types that this surface does not take."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    faults = [f"no more than {most} items allowed [json-pointer:/blocks]"] if len(blocks) > most else []
    tables = [block for block in blocks if block.get("type") == "table"]
    if len(tables) > 1:
        raise SlackError("invalid_attachments", errors=["only one table is allowed"])
    ids = Counter(block["block_id"] for block in blocks if block.get("block_id"))
    faults += [f"block_id {name} already exists" for name, count in ids.items() if count > 1]
    for index, block in enumerate(blocks):
        where = f"[json-pointer:/blocks/{index}]"
        if block.get("type") in unfit:
            faults.append(f"unsupported type: {block['type']} {where}")
        elif (fault := _fault(json.dumps(block, sort_keys=True))) is not None:
            faults.append(f"{fault} {where}")
    if faults:
        raise SlackError(
            "invalid_blocks", errors=faults, response_metadata={"messages": [f"[ERROR] {f}" for f in faults]}
        )


# Cards are posted again and again with the same blocks; validating one costs as much as the rest of the call.
@lru_cache(maxsize=4096)
def _fault(block_json: str) -> str | None:
    block = json.loads(block_json)
    return _miscounted(block) or _malformed(block)


def _miscounted(block: Json) -> str | None:
    """What slack_sdk does not count: table rows, empty lists and texts, doubled action ids."""
    rows = block.get("rows") or [] if block.get("type") == "table" else []
    if len(rows) > TABLE_ROWS or any(len(row) > TABLE_CELLS for row in rows):
        return f"a table has at most {TABLE_ROWS} rows of {TABLE_CELLS} cells"
    inner = block.get("elements", [])
    if block.get("type") in {"actions", "context", "rich_text"} and not inner:
        return "no less than 1 items allowed"
    elements = [*inner, *(block[key] for key in ("accessory", "element") if key in block)]
    if not all(isinstance(element, dict) for element in elements):
        return "elements must be objects"
    actions = Counter(element["action_id"] for element in elements if "action_id" in element)
    if any(count > 1 for count in actions.values()):
        return "action_id already exists"
    if any(element.get("options") == [] for element in elements):
        return "no less than 1 options allowed"
    return None if all(_texts(block)) else "must be more than 0 characters"


def _malformed(block: Json) -> str | None:
    """What slack_sdk's validators say."""
    try:
        parsed = Block.parse(block)
        if parsed is None:
            return f"unsupported type: {block.get('type')}"
        parsed.to_dict()
    except (SlackObjectFormationError, TypeError, AttributeError, KeyError) as error:
        return f"invalid block: {error}"
    return None


def _texts(part: object) -> Iterator[str]:
    """The words of a block, wherever they stand in it; those of a rich text may be empty."""
    if isinstance(part, list):
        for item in part:
            yield from _texts(item)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "text" and isinstance(value, str):
                yield value
            elif key != "options":
                yield from _texts(value)


def check_view(view: object) -> Json:
    """A modal or Home view as Slack takes it, or invalid_arguments, invalid_blocks, view_too_large."""
    if not isinstance(view, dict) or view.get("type") not in {"modal", "home"}:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] must provide a valid view"]})
    if len(json.dumps(view)) > VIEW_BYTES:
        raise SlackError("view_too_large")
    modal = view["type"] == "modal"
    check_blocks(view.get("blocks"), most=VIEW_BLOCKS, unfit=_MESSAGE_ONLY)
    faults = [] if not modal or view.get("title") else ["missing required field: title"]
    if modal and not view.get("submit") and any(block["type"] == "input" for block in view["blocks"]):
        faults.append("submit is required when an input block is used")
    try:
        View(**view).to_dict()
    except (SlackObjectFormationError, TypeError, AttributeError) as error:
        faults.append(str(error))
    if faults:
        raise SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {fault}" for fault in faults]})
    return view


def check_metadata(metadata: object) -> Json | None:
    """Message metadata (`event_type`, `event_payload`), or invalid_metadata_format / metadata_too_large."""
    if metadata is None or metadata == {}:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata)) > METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return metadata
