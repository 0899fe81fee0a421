"""What a benchmark says: a figure, the baseline that was measured beside it, and the ratio of the two."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` and `baseline` in `unit`; `against` says what the baseline is, `aim` what the ratio should be."""

    name: str
    value: float
    unit: str
    baseline: float
    against: str
    aim: str = ""

    @property
    def ratio(self) -> float:
        """How many times the baseline."""
        return self.value / self.baseline if self.baseline else float("nan")

    def as_json(self) -> str:
        """One line."""
        numbers = {"value": self.value, "baseline": self.baseline, "ratio": self.ratio}
        short = {key: float(f"{number:.4g}") for key, number in numbers.items()}
        return json.dumps({"name": self.name, "value": short.pop("value"), "unit": self.unit, **short})


def percentile(values: Iterable[float], part: float) -> float:
    """The value below which `part` (0 to 1) of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def over_rounds(rounds: Sequence[Sequence[float]], part: float) -> float:
    """The median over rounds of each one's percentile: one disturbed round does not count."""
    return median(percentile(each, part) for each in rounds)


def say(figure: Figure) -> None:
    """JSON on standard output, a row of a table on standard error."""
    sys.stdout.write(figure.as_json() + "\n")
    sys.stdout.flush()
    row = f"{figure.name:<22}{figure.value:>12.4g} {figure.unit:<10}{figure.baseline:>12.4g}{figure.ratio:>8.2f}x"
    sys.stderr.write(f"{row}  {figure.aim:<10}{figure.against}\n")
