"""Results as Slack payloads: pure functions over the closed set of results."""

from bot.views.app_home import home
from bot.views.charts import draw
from bot.views.form import CALLBACK, answers, modal
from bot.views.payload import Attachment, Payload
from bot.views.render import render
from bot.views.scrub import scrubbed
from bot.views.templates import Templates

__all__ = ["CALLBACK", "Attachment", "Payload", "Templates", "answers", "draw", "home", "modal", "render", "scrubbed"]
