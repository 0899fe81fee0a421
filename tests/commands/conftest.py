from __future__ import annotations

from tests.commands.bench import bench  # noqa: F401 - a fixture
from tests.commands.mortal import mortal  # noqa: F401 - a fixture
from tests.commands.night import night  # noqa: F401 - a fixture
from tests.commands.team import team  # noqa: F401 - a fixture
