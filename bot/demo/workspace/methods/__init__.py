"""The Web API methods that the local Slack knows; any other is `unknown_method`."""

from collections.abc import Mapping

from bot.demo.workspace.methods import canvases, channels, chat, conversations, files, marks, people, views
from bot.demo.workspace.methods.method import Method

METHODS: Mapping[str, Method] = {
    **people.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **channels.METHODS,
    **marks.METHODS,
    **views.METHODS,
    **files.METHODS,
    **canvases.METHODS,
}
