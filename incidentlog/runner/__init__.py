"""Keeping subjects and projections up with the log."""

from incidentlog.runner.runner import Runner
from incidentlog.runner.wakeup import Wakeup

__all__ = ["Runner", "Wakeup"]
