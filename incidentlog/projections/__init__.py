"""What can be asked. Pure. One file each; `ls` is the list.

Whoever needs the list of all projections takes `PROJECTIONS` from here: then it is full.
"""

from importlib import import_module
from pkgutil import iter_modules

from incidentlog.folding.shapes import PROJECTIONS

__all__ = ["PROJECTIONS"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
