"""What happens, and what it adds up to. Pure: no database, no clock, no network.

Each module holds one kind of subject: its events, and the fold of them. `ls` is the list of what can happen.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
