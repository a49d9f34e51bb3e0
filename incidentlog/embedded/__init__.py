"""The default PostgreSQL: started with the service, stopped with it, however the service ends.

`start(data_root(configured))` gives a `Running`; `running.server.dsn()` is what asyncpg takes.
"""

from incidentlog.embedded.cluster import has_data
from incidentlog.embedded.ending import Patience
from incidentlog.embedded.errors import EmbeddedError
from incidentlog.embedded.root import data_root
from incidentlog.embedded.server import Server
from incidentlog.embedded.supervisor import Running, start

__all__ = ["EmbeddedError", "Patience", "Running", "Server", "data_root", "has_data", "start"]
