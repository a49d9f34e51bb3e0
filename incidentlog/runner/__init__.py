"""Keeping subjects and projections up with the log."""

from incidentlog.runner.apart import RebuilderApart, RunnerApart
from incidentlog.runner.progress import Progress
from incidentlog.runner.rebuilder import Rebuilder
from incidentlog.runner.runner import Runner
from incidentlog.runner.wakeup import Wakeup

__all__ = ["Progress", "Rebuilder", "RebuilderApart", "Runner", "RunnerApart", "Wakeup"]
