"""The clocks of all that a rank times, which nobody can set while they count, and the durations taken by them."""

from __future__ import annotations

import os
import time
from pathlib import Path

clock = time.perf_counter
"""A reading of it, s, says something only beside another one of the same process."""

BEGUN = time.time() - time.monotonic()
"""The wall clock is read once: whoever sets it later, a duration stays what it was."""

SLACK_SECONDS = 1e-3
"""By so much the host's clock and an accelerator's may differ over a step."""


class ImpossibleDurationError(RuntimeError):
    """A clock of this node tells a duration that cannot be: nothing that is timed by it can be believed."""


def moment() -> float:
    """Now, in seconds since the epoch. Two moments of one process are as far apart as its monotonic clock says; those
    of two hosts are not to be compared.
    """
    return BEGUN + time.monotonic()


def process_start() -> float:
    """When this process began, seconds since the epoch: the import phase starts there.

    Counted back from now by its age (proc_pid_stat(5), field 22, 10 ms), as the kernel states the time of boot in whole
    seconds. Without Linux's /proc, as good as psutil knows. An age that cannot be, under a clock that is not the
    kernel's (a container's, a faked one), is none: then the process begins now.
    """
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except OSError:
        import psutil

        return float(psutil.Process().create_time())
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    uptime = float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0])
    return moment() - (age if 0 <= age <= uptime + 1 else 0.0)


STARTED = process_start()
"""No duration of this process is longer than the time since then."""


def seconds_since(begin: float) -> float:
    """Return the seconds since a reading of ``clock``. Raises ImpossibleDurationError."""
    return refuse_impossible(clock() - begin)


def refuse_impossible(seconds: float) -> float:
    """Return a duration that this process has measured, s.

    Raises ImpossibleDurationError if it is negative, no number, or longer than this process has lived.
    """
    lived = moment() - STARTED + SLACK_SECONDS
    if not -SLACK_SECONDS <= seconds <= lived:
        raise ImpossibleDurationError(
            f"a duration of {seconds:.6g} s was measured, in a process that has lived for {lived:.6g} s: this node's "
            "clock does not count steadily; have its clock source looked at "
            "(/sys/devices/system/clocksource/clocksource0/current_clocksource), or leave the node out"
        )
    return max(0.0, seconds)
