"""HTTP: each route parses, calls once, answers."""
