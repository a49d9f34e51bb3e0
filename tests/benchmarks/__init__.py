"""Benchmarks: run by hand, bounded, on loopback. Each prints the same run's limits beside our figure."""

import os

os.environ.setdefault("INCIDENTLOG_KEY_REQUESTS", "0")  # one key asks for all of them
