"""The checks of the service's host: what is nearly used up, each unknown where it cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from bot.core.cache import format_size
from bot.core.duration import format_duration
from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.ports import Processes, Worker
from bot.core.resources import Resources, Share
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms, at_most

CPU_WARN = Limit("cpu_percent_warn_above", 85, "Percentage of all cores that may be at work.")
CPU_FAIL = Limit("cpu_percent_fail_above", 97, "Percentage of all cores beyond which requests must wait.")
LOAD_WARN = Limit("load_per_core_warn_above", 1.5, "Processes per core that may run or wait, over 5 minutes.")
LOAD_FAIL = Limit("load_per_core_fail_above", 4, "Processes per core beyond which the host is overrun.")
MEMORY_WARN = Limit("memory_percent_warn_above", 85, "Percentage of the memory that programs may hold.")
MEMORY_FAIL = Limit("memory_percent_fail_above", 95, "Percentage beyond which the kernel soon kills one of them.")
SWAP_WARN = Limit("swap_percent_warn_above", 30, "Percentage of the swap that may be in use.")
SWAP_FAIL = Limit("swap_percent_fail_above", 80, "Percentage of the swap beyond which it is used up.")
DISK_WARN = Limit("disk_percent_warn_above", 80, "Percentage of a disk that may be full.")
DISK_FAIL = Limit("disk_percent_fail_above", 90, "Percentage beyond which a disk fills up before somebody acts.")
INODES_WARN = Limit("inodes_percent_warn_above", 80, "Percentage of a disk's inodes that may be in use.")
INODES_FAIL = Limit("inodes_percent_fail_above", 90, "Percentage beyond which no file can be made soon.")
FILES_WARN = Limit("open_files_percent_warn_above", 70, "Percentage of the files that may be open, of each worker too.")
FILES_FAIL = Limit("open_files_percent_fail_above", 90, "Percentage beyond which connections are refused soon.")
WORKER_MEMORY_WARN = Limit("worker_megabytes_warn_above", 1024, "Megabytes that a worker may hold.")
WORKER_CPU_WARN = Limit("worker_cpu_percent_warn_above", 90, "Percentage of a core that a worker may take.")
UPTIME_WARN = Limit("uptime_hours_warn_below", 1, "Hours since a restart in which it is worth a word.")


async def find_cpu(terms: Terms, *, resources: Resources) -> Finding:
    """How busy all cores are together."""
    seen = await resources.cpu()
    value = f"{seen.busy:.0f} % of {seen.cores} cores at work, {seen.waiting:.0f} % waiting for a disk"
    state = at_most(seen.busy, terms, warn=CPU_WARN, fail=CPU_FAIL)
    return Finding(state, value, f"at most {terms[CPU_WARN]:g} %", measure=seen.busy)


async def find_load(terms: Terms, *, resources: Resources) -> Finding:
    """The load of the last minutes, for each core."""
    (one, five, fifteen), cpu = await asyncio.gather(resources.load(), resources.cpu())
    state = at_most(five / cpu.cores, terms, warn=LOAD_WARN, fail=LOAD_FAIL)
    limit = f"at most {terms[LOAD_WARN] * cpu.cores:g} over 5 minutes, for {cpu.cores} cores"
    value = f"{one:g}, {five:g}, {fifteen:g} over 1, 5, 15 minutes"
    return Finding(state, value, limit, measure=five / cpu.cores)


async def find_memory(terms: Terms, *, resources: Resources) -> Finding:
    """What programs hold."""
    return _share(await resources.memory(), terms, MEMORY_WARN, MEMORY_FAIL)


async def find_swap(terms: Terms, *, resources: Resources) -> Finding:
    """What was put away to the disk."""
    seen = await resources.swap()
    return _share(seen, terms, SWAP_WARN, SWAP_FAIL) if seen.whole else Finding(State.OK, "none on this host")


async def find_disks(terms: Terms, *, resources: Resources) -> Finding:
    """How full the disks are, the fullest first."""
    return _fullest(await resources.disks(), terms, DISK_WARN, DISK_FAIL)


async def find_inodes(terms: Terms, *, resources: Resources) -> Finding:
    """How many inodes are left: a disk without any is full though it has space."""
    seen = await resources.inodes()
    if not seen:
        return Finding(State.OK, "no file system with a fixed number")
    return _fullest(seen, terms, INODES_WARN, INODES_FAIL)


async def find_files(terms: Terms, *, resources: Resources, processes: Processes) -> Finding:
    """Open files of the host, and of the worker that has most of them."""
    pids = [worker.pid for worker in await processes.workers() if worker.pid]
    host, *workers = await asyncio.gather(resources.open_files(), *map(resources.open_files, pids))
    fullest = max((host, *workers), key=lambda share: share.percent)
    most = max(workers, key=lambda share: share.percent, default=None)
    of_worker = f"; a worker at most {most.used:,.0f} of {most.whole:,.0f}" if most else ""
    return Finding(
        at_most(fullest.percent, terms, warn=FILES_WARN, fail=FILES_FAIL),
        f"{host.used:,.0f} ({host.percent:.0f} %){of_worker}",
        f"at most {terms[FILES_WARN]:g} %",
        measure=fullest.percent,
    )


async def find_workers(terms: Terms, *, processes: Processes) -> Finding:
    """Memory and processor of each worker, as the process manager tells them."""
    workers = [worker for worker in await processes.workers() if worker.pid]
    if not workers:
        raise IntegrationError("No worker runs.")
    memory = [worker.memory for worker in workers if worker.memory is not None]
    cpu = [worker.cpu for worker in workers if worker.cpu is not None]
    if any(each > 1e6 * terms[WORKER_MEMORY_WARN] for each in memory) or any(
        each > terms[WORKER_CPU_WARN] for each in cpu
    ):
        state = State.WARN
    else:
        state = State.OK if len(memory) == len(cpu) == len(workers) else State.UNKNOWN
    return Finding(
        state,
        ", ".join(_worker(worker) for worker in workers),
        f"at most {terms[WORKER_MEMORY_WARN]:g} MB and {terms[WORKER_CPU_WARN]:g} % of a core each",
        "The process manager does not tell everything." if state is State.UNKNOWN else "",
        max(memory) / 1e6 if memory else None,
    )


async def find_uptime(terms: Terms, *, resources: Resources) -> Finding:
    """Since when the host is up."""
    up = await resources.uptime()
    hours = up / timedelta(hours=1)
    state = State.WARN if hours < terms[UPTIME_WARN] else State.OK
    return Finding(state, f"for {format_duration(up)}", f"at least {terms[UPTIME_WARN]:g} h", measure=hours)


def _of_host(
    name: str,
    find: Callable[..., Awaitable[Finding]],
    *limits: Limit,
    unit: str = "%",
    every: timedelta = timedelta(minutes=2),
    then: tuple[str, ...] = ("resources", "why slow"),
    follows: tuple[str, ...] = (),
) -> Declaration:
    return Declaration(
        name,
        find,
        rows=("H2",),
        limits=limits,
        unit=unit,
        family=Family.HOST,
        every=every,
        owner="Infrastructure",
        then=then,
        follows=follows,
    )


HOST = (
    _of_host("CPU", find_cpu, CPU_WARN, CPU_FAIL),
    _of_host("Load", find_load, LOAD_WARN, LOAD_FAIL, unit="per core"),
    _of_host("Memory", find_memory, MEMORY_WARN, MEMORY_FAIL),
    _of_host("Swap", find_swap, SWAP_WARN, SWAP_FAIL),
    _of_host("Disks", find_disks, DISK_WARN, DISK_FAIL, every=timedelta(minutes=5)),
    _of_host("Inodes", find_inodes, INODES_WARN, INODES_FAIL, every=timedelta(minutes=5)),
    _of_host("Open files", find_files, FILES_WARN, FILES_FAIL, follows=("Workers",)),
    _of_host(
        "Memory and CPU of workers",
        find_workers,
        *(WORKER_MEMORY_WARN, WORKER_CPU_WARN),
        unit="MB",
        then=("reload", "heap-snapshot", "why memory"),
        follows=("Workers",),
    ),
    _of_host("Up", find_uptime, UPTIME_WARN, unit="h"),
)
"""Every look at the host, in the order in which they are read."""


def _worker(worker: Worker) -> str:
    memory = "memory not told" if worker.memory is None else f"{worker.memory / 1e6:.0f} MB"
    cpu = "CPU not told" if worker.cpu is None else f"{worker.cpu:g} %"
    return f"{worker.id}: {memory}, {cpu}"


def _share(seen: Share, terms: Terms, warn: Limit, fail: Limit) -> Finding:
    value = f"{format_size(int(seen.used))} of {format_size(int(seen.whole))} ({seen.percent:.0f} %)"
    state = at_most(seen.percent, terms, warn=warn, fail=fail)
    return Finding(state, value, f"at most {terms[warn]:g} %", measure=seen.percent)


def _fullest(shares: Sequence[Share], terms: Terms, warn: Limit, fail: Limit) -> Finding:
    by_fullness = sorted(shares, key=lambda share: -share.percent)
    value = ", ".join(f"{share.name} {share.percent:.0f} %" for share in by_fullness[:6])
    more = f"and {len(shares) - 6} less full" if len(shares) > 6 else ""  # noqa: PLR2004 - as many as are shown
    most = by_fullness[0].percent
    state = at_most(most, terms, warn=warn, fail=fail)
    return Finding(state, value, f"at most {terms[warn]:g} %", more, most)
