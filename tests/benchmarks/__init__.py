"""Benchmarks: run by hand, bounded, on loopback. Each prints the same run's limits beside our figure."""
