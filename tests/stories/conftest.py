"""Walks through the whole service."""

from tests.api.conftest import service, timeline

__all__ = ["service", "timeline"]
