"""Logging as it was: a command that is run in this process sends it to a stream that is closed afterwards."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def logging_put_back() -> Iterator[None]:
    """Let what configures logging within the block hold no longer than that."""
    root, configure = logging.getLogger(), structlog.configure
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    # A logger that keeps what it was made of would go on writing there when the stream is closed.
    structlog.configure = lambda **how: configure(**how | {"cache_logger_on_first_use": False})
    try:
        yield
    finally:
        structlog.configure = configure
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**configured)
