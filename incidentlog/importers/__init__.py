"""Bringing files in: rows are read, a mapping says what they mean, and events come out (docs/import.md)."""
