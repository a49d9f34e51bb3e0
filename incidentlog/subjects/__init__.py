"""What can happen. Pure: no database, no clock, no network.

Each module holds one kind of subject: its events, and the fold of them. `ls` is the list of what can happen. Whoever
needs the list of all events takes `EVENTS` from here: then it is full.
"""

from importlib import import_module
from pkgutil import iter_modules

from incidentlog.events import record  # noqa: F401 - what is said of records can happen, too
from incidentlog.events.registry import EVENTS

__all__ = ["EVENTS"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
