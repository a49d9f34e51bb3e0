"""The parts of a running service, and how they start and stop."""
