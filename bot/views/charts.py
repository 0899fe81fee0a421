"""Charts as PNG. They stand on a dark ground of their own: legible in light and dark Slack, and no glare at night."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.core.charts import Chart, Mark, Panel
from bot.views.fit import cut_plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GROUND, _INK, _FAINT, _LINE, _LIMIT, _MARK = "#1d2230", "#f2f4f8", "#4a5266", "#7cc4ff", "#ffb454", "#d7b8ff"
_DPI = 160
_WIDTH = 8.0
"""Inches; 1,280 pixels, of which a phone shows 360: the smallest letters are 9 pixels high there."""
_PANEL, _HEAD, _ROW = 2.2, 1.0, 0.32
_PANELS = 4
_FORMATS = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
_ZERO = ["%Y", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M:%S"]
"""Formats of a year, month, day, hour, minute and second, and the same where a new larger one begins."""
_TITLE, _LABEL = 58, 72
"""Letters that fit across."""
_NEAR = 0.035
"""Part of the width within which the numbers of two marks would cover one another."""
_ROOM = 0.28
"""Part of the first panel that is kept free above the line, for the numbers."""
_BARS = "Line: the median. Bars: from the lowest to the highest that was seen."


def draw(chart: Chart) -> bytes:
    """The chart as PNG; takes 1.5 s at the first time, which is matplotlib's import, and belongs into a thread.

    A gap is where a figure was not known; marks are numbered on the picture and named below it.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, and most processes draw nothing

    panels, marks, told = chart.panels[:_PANELS], chart.named, _told(chart)
    foot = 0.1 + _ROW * len(told)
    height = _HEAD + _PANEL * len(panels) + foot
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor=_GROUND)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(grid, panels, strict=True):
        _panel(axes, panel)
        _mark(axes, chart)
    if marks:
        low, high = grid[0].get_ylim()
        grid[0].set_ylim(low, high + _ROOM * (high - low))
    for at, numbers in _numbers(chart):
        _number(grid[0], at, numbers)
    grid[-1].set_xlim(_days(chart.since), _days(chart.until))
    _dates(grid[-1], chart.zone)
    figure.suptitle(cut_plain(chart.title, _TITLE), color=_INK, fontsize=17, x=0.03, ha="left", parse_math=False)
    for row, line in enumerate(told):
        y = (foot - _ROW * row) / height
        figure.text(0.03, y, line, color=_INK, fontsize=14, va="top", parse_math=False)
    figure.subplots_adjust(left=0.13, right=0.945, top=1 - 0.95 / height, bottom=(foot + 0.55) / height, hspace=0.38)
    written = io.BytesIO()
    figure.savefig(written, format="png", facecolor=_GROUND)
    return written.getvalue()


def _panel(axes: Axes, panel: Panel) -> None:
    """The line with its gaps; a figure between two gaps is a dot, for a line of one point is not to be seen."""
    unit = f" ({panel.unit})" if panel.unit else ""
    limit = "" if panel.limit is None else f", limit {panel.limit:g} dashed"
    axes.set_title(
        cut_plain(f"{panel.title}{unit}{limit}", _TITLE), color=_INK, fontsize=15, loc="left", parse_math=False
    )
    axes.set_facecolor(_GROUND)
    axes.grid(visible=True, color=_FAINT, linewidth=0.6)
    axes.tick_params(colors=_INK, labelsize=15)
    for side in axes.spines.values():
        side.set_color(_FAINT)
    moments = [_days(point.at) for point in panel.points]
    values = [math.nan if point.value is None else point.value for point in panel.points]
    if not any(map(math.isfinite, values)):
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not known", transform=axes.transAxes, color=_INK, fontsize=15, ha="center", va="center")
        return
    padded = [math.nan, *values, math.nan]
    lonely = [
        place
        for place, value in enumerate(values)
        if math.isfinite(value) and math.isnan(padded[place]) and math.isnan(padded[place + 2])
    ]
    axes.plot(moments, values, color=_LINE, linewidth=2.4, marker="o", markevery=lonely, markersize=5)
    if _has_bars(panel):
        lows = [math.nan if point.low is None else point.low for point in panel.points]
        highs = [math.nan if point.high is None else point.high for point in panel.points]
        axes.vlines(moments, lows, highs, color=_LINE, alpha=0.6, linewidth=2.4)
    axes.margins(y=0.15)
    axes.yaxis.set_major_formatter(lambda value, _: _short(value))
    if panel.limit is not None:
        axes.axhline(panel.limit, color=_LIMIT, linewidth=1.8, linestyle="--")


def _mark(axes: Axes, chart: Chart) -> None:
    """Below the figures, so that what is short and happened with it is not hidden; fainter without a number."""
    named = chart.named
    for mark in chart.marks:
        alpha = 1 if mark in named else 0.4
        axes.axvline(_days(mark.at), color=_MARK, linewidth=1.6, linestyle=":", alpha=alpha, zorder=1)
        if mark.until:
            axes.axvspan(_days(mark.at), _days(mark.until), color=_MARK, alpha=0.25, linewidth=0, zorder=1)


def _short(value: float) -> str:
    """A figure beside the axis, where there is room for few letters: 250k in place of 250000."""
    for least, unit, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def _has_bars(panel: Panel) -> bool:
    return any(point.low != point.high for point in panel.points)


def _numbers(chart: Chart) -> Iterator[tuple[datetime, str]]:
    """Where a number stands, and which: of marks that are close to one another those of all of them, `4-6`."""
    near = _NEAR * (chart.until - chart.since)
    groups: list[list[tuple[int, Mark]]] = []
    for number, mark in enumerate(chart.named, 1):
        if groups and mark.at - groups[-1][-1][1].at < near:
            groups[-1].append((number, mark))
        else:
            groups.append([(number, mark)])
    for group in groups:
        (first, begin), (last, end) = group[0], group[-1]
        yield begin.at + (end.at - begin.at) / 2, f"{first}-{last}" if last > first else f"{first}"


def _number(axes: Axes, at: datetime, numbers: str) -> None:
    axes.annotate(
        numbers,
        (_days(at), 1),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, -4),
        textcoords="offset points",
        color=_GROUND,
        fontsize=13,
        ha="center",
        va="top",
        bbox={
            "boxstyle": "round,pad=0.2" if len(numbers) > 1 else "circle,pad=0.18",
            "facecolor": _MARK,
            "edgecolor": "none",
        },
        annotation_clip=True,
    )


def _days(at: datetime) -> float:
    """A moment as matplotlib counts: in days since 1970."""
    return at.timestamp() / 86_400


def _told(chart: Chart) -> list[str]:
    """A line for each mark that is numbered, and one for the others; what the bars are, where there are some."""
    place = ZoneInfo(chart.zone)
    lines = [
        cut_plain(f"{number}  {mark.at.astimezone(place):%d %b %H:%M}  {mark.label}", _LABEL)
        for number, mark in enumerate(chart.named, 1)
    ]
    more = len(chart.marks) - len(lines)
    others = [f"{more} more {'are lines' if more > 1 else 'is a line'} without a number"] if more else []
    bars = [_BARS] if any(map(_has_bars, chart.panels[:_PANELS])) else []
    return [*lines, *others, *bars]


def _dates(axes: Axes, zone: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - see draw

    place = ZoneInfo(zone)
    locator = AutoDateLocator(tz=place, minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=place, formats=_FORMATS, zero_formats=_ZERO, show_offset=False)
    axes.xaxis.set_major_formatter(formatter)
