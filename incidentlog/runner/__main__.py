"""`python -m incidentlog.runner`: started by the service, which talks to it over its pipes."""

from incidentlog import collector

if __name__ == "__main__":
    with collector.held():  # while it imports
        import uvloop

        from incidentlog.logging import configure_logging
        from incidentlog.runner.apart import serve_apart

        uvloop.run(serve_apart(configure_logging))
