"""`python -m incidentlog` is `incidentlog`."""

from incidentlog.cli import main

main()
