"""An event-sourced log of diplomacy and conflict: append, project, follow, replay."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("incidentlog")
except PackageNotFoundError:  # run from a bare checkout
    __version__ = "0+unknown"
