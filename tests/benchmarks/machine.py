"""What a figure was measured on, and how figures are printed."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


def heading(title: str) -> None:
    """The title, the date and the machine's size."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    print(f"{title}")
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {pages / 2**30:.0f} GiB, "
        f"Python {platform.python_version()}"
    )


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a PostgreSQL, thrown away afterwards; as root the server runs as another user, who passes through.

    Services that are started from now on let one key ask for all that a benchmark asks.
    """
    os.environ.setdefault("INCIDENTLOG_KEY_REQUESTS", "0")
    folder = Path(tempfile.mkdtemp(prefix="incidentlog-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def children() -> list[int]:
    """The processes that this one started, in the order in which it did."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def runners() -> list[int]:
    """Those of them that fold."""
    return [pid for pid in children() if b"incidentlog.runner" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def line(name: str, count: int, seconds: float, latencies: Sequence[float] = ()) -> float:
    """Print a rate with its latencies; answers the rate."""
    rate = count / seconds
    told = f"{name:<58}{rate:>10,.0f}/s"
    if latencies:
        told += f"   p50 {percentile(latencies, 0.5) * 1e3:7.2f} ms   p99 {percentile(latencies, 0.99) * 1e3:7.2f} ms"
    print(told, flush=True)
    return rate
