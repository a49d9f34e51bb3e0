"""What the tests of a browser ask for."""

from tests.api.conftest import busy

__all__ = ["busy"]
