"""Bounds by which a log of a hundred events has batches, merged segments and snapshots as one of a million has."""

from typing import Any, Final

from incidentlog.runner import lane, leases, rebuilder, runner
from incidentlog.store import segments, snapshots

SMALL: Final[list[tuple[Any, str, Any]]] = [
    (runner, "PAGE", 7), (rebuilder, "PAGE", 7), (lane, "EVERY", 16), (snapshots, "EVERY", 16),
    (segments, "STRETCH", 16), (segments, "RUN", 3), (leases, "RENEW_SECONDS", 0.05),
]  # fmt: skip
