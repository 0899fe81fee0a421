"""The host's resources by `/proc` and `df`: no terminal as `top` wants one, and nothing to install.

Formats: proc(5), and df(1) with `-P`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta

from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host
from bot.core.resources import Cpu, Resources, Share

_APART = 0.5  # seconds between two looks at the processor: a single one tells the average since the start
_DF_WITHIN = 10.0  # seconds: it hangs where a network share does
_ROW = re.compile(r".*?\s+\d+\s+(?P<used>\d+)\s+(?P<free>\d+)\s+[\d-]+%?\s+(?P<at>/.*)")
_SHARED = frozenset({"nfs", "nfs4", "cifs", "zfs", "ceph", "glusterfs", "fuse.glusterfs", "9p", "virtiofs"})
_IMAGES = frozenset({"squashfs", "iso9660"})
_ESCAPED = re.compile(r"\\([0-7]{3})")
_IDLE, _WAITING = 3, 4
_COUNTED = 8
"""Columns of a line `cpu` that make up all its time; those of guests, after them, are in the first ones already."""


class Config(IntegrationConfig):
    """The resources of the service's host; there is nothing to configure."""


class ProcResources:
    """Asks the kernel of the host through `cat`, `df` and `find`."""

    def __init__(self, _config: Config, *, host: Host) -> None:
        self._host = host

    async def cpu(self) -> Cpu:
        """See `Resources`."""
        before, cores = await self._ticks()
        await asyncio.sleep(_APART)
        after, _ = await self._ticks()
        spent = [late - early for early, late in zip(before, after, strict=True)]
        whole = sum(spent)
        if whole <= 0:
            raise IntegrationError(f"The clock of the processor of {self._host.name} stands still.")
        waiting = spent[_WAITING]
        return Cpu(cores, 100 * (whole - spent[_IDLE] - waiting) / whole, 100 * waiting / whole)

    async def load(self) -> tuple[float, float, float]:
        """See `Resources`."""
        one, five, fifteen = self._found(
            r"([\d.]+) ([\d.]+) ([\d.]+) ", await self._read("/proc/loadavg"), "its load"
        ).groups()
        return float(one), float(five), float(fifteen)

    async def memory(self) -> Share:
        """See `Resources`."""
        return await self._memory("MemTotal", "MemAvailable")

    async def swap(self) -> Share:
        """See `Resources`."""
        return await self._memory("SwapTotal", "SwapFree")

    async def disks(self) -> tuple[Share, ...]:
        """See `Resources`."""
        return tuple(Share(1024 * used, 1024 * (used + free), at) for at, used, free in await self._df("-k"))

    async def inodes(self) -> tuple[Share, ...]:
        """See `Resources`."""
        return tuple(Share(used, used + free, at) for at, used, free in await self._df("-i") if used + free)

    async def open_files(self, pid: int | None = None) -> Share:
        """See `Resources`."""
        if pid is None:
            table = self._found(r"(\d+)\s+\d+\s+(\d+)", await self._read("/proc/sys/fs/file-nr"), "its open files")
            return Share(float(table[1]), float(table[2]))
        limits = await self._read(f"/proc/{pid}/limits")
        limit = self._found(r"Max open files\s+(\d+)", limits, f"the limit of process {pid}")
        folder = f"/proc/{pid}/fd"
        listed = await self._host.run(("find", folder, "-mindepth", "1", "-maxdepth", "1"))
        # One that was closed while it was listed is no fault.
        if listed.code and "ermission denied" in listed.err:
            raise IntegrationError(f"{folder} of {self._host.name} may not be read.")
        return Share(len(listed.out.splitlines()), float(limit[1]))

    async def uptime(self) -> timedelta:
        """See `Resources`."""
        return timedelta(seconds=float(self._found(r"([\d.]+) ", await self._read("/proc/uptime"), "since when")[1]))

    async def ping(self) -> str:
        """How long the host has been up."""
        return f"{self._host.name} has been up for {(await self.uptime()).days} days"

    async def _ticks(self) -> tuple[list[int], int]:
        """The time of all cores by what it was spent on, and how many cores there are."""
        text = await self._read("/proc/stat")
        spent = self._found(r"^cpu((?: +\d+)+)", text, "what its processor does")[1].split()
        if len(spent) < _COUNTED:
            raise IntegrationError(f"/proc/stat of {self._host.name} has only {len(spent)} columns.")
        cores = len(re.findall(r"^cpu\d+ ", text, re.MULTILINE))
        if not cores:
            raise IntegrationError(f"/proc/stat of {self._host.name} names no core.")
        return [int(ticks) for ticks in spent[:_COUNTED]], cores

    async def _memory(self, whole: str, free: str) -> Share:
        text = await self._read("/proc/meminfo")
        total, left = (1024 * int(self._found(rf"^{name}:\s+(\d+) kB$", text, name)[1]) for name in (whole, free))
        return Share(total - left, total)

    async def _df(self, unit: str) -> list[tuple[str, int, int]]:
        """Mount point, used and free of each disk; one that cannot be asked is an error, and not left out."""
        places = tuple(_on_disks(await self._read("/proc/mounts")))
        if not places:
            raise IntegrationError(f"{self._host.name} tells of no file system on a disk.")
        done = await self._host.run(("df", "-P", unit, *places), within=timedelta(seconds=_DF_WITHIN))
        if done.code:
            raise IntegrationError(f"df on {self._host.name}: {done.err.strip()[:200]}")
        rows = [row for line in done.out.splitlines()[1:] if (row := _ROW.fullmatch(line))]
        if not rows:
            raise IntegrationError(f"df on {self._host.name} says nothing of its disks.")
        return [(row["at"], int(row["used"]), int(row["free"])) for row in rows]

    async def _read(self, path: str) -> str:
        done = await self._host.run(("cat", path))
        if done.code:
            raise IntegrationError(f"{path} of {self._host.name} cannot be read: {done.err.strip()[:200]}")
        return done.out

    def _found(self, pattern: str, text: str, what: str) -> re.Match[str]:
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            raise IntegrationError(f"{self._host.name} does not tell {what}.")
        return found


def _on_disks(mounts: str) -> Iterator[str]:
    """Where each disk is mounted first: containers mount one many times over.

    What is in memory, images that are always full (snaps), and what desktops mount for one user alone are no disks, and
    `df` fails over some of them.
    """
    seen = set()
    for device, place, kind in re.findall(r"^(\S+) (\S+) (\S+) ", mounts, re.MULTILINE):
        is_disk = (device.startswith("/dev/") or kind in _SHARED or place == "/") and kind not in _IMAGES
        if is_disk and device not in seen:
            seen.add(device)
            yield _ESCAPED.sub(lambda found: chr(int(found[1], 8)), place)


INTEGRATION = Integration("resources", Config, ProcResources, provides=(Resources,), always=True)
