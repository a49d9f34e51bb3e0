"""Log lines: JSON for machines, colours on a terminal, always on stderr; the libraries' lines look like ours.

Loggers are `structlog.get_logger()`. What is bound with `structlog.contextvars` (request_id) is in every line.
"""

import json
import logging
import os
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logging(level: str = "info", *, as_json: bool | None = None) -> None:
    """Send everything from `level` up to stderr, as JSON unless that is a terminal. Once, before the first line.

    A line below the level costs nothing but a call: such methods are replaced when the logger is made.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    if as_json is None:
        as_json = not sys.stderr.isatty()
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*common, *_rendering(as_json=as_json)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if as_json
        else structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(as_json=as_json),
                _text,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    logging.captureWarnings(capture=True)


def _rendering(*, as_json: bool) -> list[Processor]:
    if as_json:
        # Not structlog's own tracebacks as dictionaries: they show local variables, keys and passwords among them.
        return [structlog.processors.format_exc_info, structlog.processors.StackInfoRenderer(), _as_json]
    plain = structlog.dev.plain_traceback  # the rich one shows local variables too
    colours = "NO_COLOR" not in os.environ and sys.stderr.isatty()
    return [
        structlog.processors.StackInfoRenderer(),
        structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain),
    ]


def _as_json(_: WrappedLogger, __: str, line: EventDict) -> bytes:
    try:
        return orjson.dumps(line, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # a lone surrogate, an integer over 64 bits: a log line must not fail for what it tells
        return json.dumps(line, default=repr, skipkeys=True).encode()


def _text(_: WrappedLogger, __: str, line: Any) -> str:
    return line.decode() if isinstance(line, bytes) else str(line)
