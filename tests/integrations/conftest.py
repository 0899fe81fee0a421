from __future__ import annotations

from tests.hosts import host, make  # noqa: F401 - fixtures are found by name
