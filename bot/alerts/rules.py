"""Where alerts go and what makes a group, as configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.core.alerts import WATCH, Alert


@dataclass(frozen=True, slots=True)
class AlertRules:
    """`channel` takes what no route takes; `routes` are channels by `label=value`, the first that fits counts.

    `group_by` are labels that make the group of an alert that has one of them, in place of the source's own grouping.
    What the bot's own watches tell goes to the channel of its service in `watches`, in groups of its own.
    """

    channel: str
    routes: Mapping[str, str] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    watches: Mapping[str, str] = field(default_factory=dict)

    def channel_of(self, alert: Alert) -> str:
        """The channel for the alert."""
        if alert.source == WATCH:
            return self.watches.get(alert.labels["service"], self.channel)
        for wanted, channel in self.routes.items():
            label, _, value = wanted.partition("=")
            if alert.labels.get(label) == value:
                return channel
        return self.channel

    def group_of(self, alert: Alert) -> tuple[str, str]:
        """The key and the title of the alert's group."""
        if alert.source == WATCH:
            return alert.group, alert.group_title
        labels = [(name, alert.labels[name]) for name in self.group_by if name in alert.labels]
        key = ", ".join(f"{name}={value}" for name, value in labels)
        return (key, key) if key else (alert.group, alert.group_title)
