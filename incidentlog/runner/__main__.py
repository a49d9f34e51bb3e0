"""`python -m incidentlog.runner`: started by the service, which writes to its input and reads its output."""

import uvloop

from incidentlog.logging import configure_logging
from incidentlog.runner.apart import serve_apart

if __name__ == "__main__":
    uvloop.run(serve_apart(configure_logging))
