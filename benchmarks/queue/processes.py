"""The resources that processes have used, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of all its descendants, including those that have ended."""
    return sum(sum(map(int, _stat(found)[11:15])) for found in family(pid)) / _TICKS


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process and of all its descendants."""
    return sum(_status_kib(found, "VmRSS") for found in family(pid)) / 1024


def peak_mib(pid: int) -> float:
    """Return the most memory that one process has had resident."""
    return _status_kib(pid, "VmHWM") / 1024


def is_running(pid: int) -> bool:
    """Return whether the process exists and has not ended."""
    return _stat(pid)[0] not in ("0", "Z", "X")


def family(pid: int) -> list[int]:
    """Return the process and its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for found in _all():
        children.setdefault(int(_stat(found)[1]), []).append(found)
    members = [pid]
    for member in members:
        members.extend(children.get(member, ()))
    return members


def _all() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on, or zeros for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return ["0"] * 50


def _status_kib(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
