"""What is counted on the way of a request."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """Counters of one program, in its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "opsbot_requests",
            "Commands, clicks and forms by what came of them.",
            ("name", "outcome"),
            registry=registry,
        )
        self.seconds = Histogram("opsbot_request_seconds", "Time from ack to answer.", ("name",), registry=registry)
        self.events = Counter("opsbot_events", "Events by what came of them.", ("outcome",), registry=registry)
        self.undelivered = Counter("opsbot_undelivered_messages", "Messages given up for good.", registry=registry)
