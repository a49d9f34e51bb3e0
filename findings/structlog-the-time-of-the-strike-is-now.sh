#!/usr/bin/env bash
# What is logged about a strike has its time, level and words: structlog's processors put now, info and their own in their place.
#
# What one would guess: what one passes to a log is in the log. If the logger wants a name for itself it refuses it, as
#   Python's logging does ("Attempt to overwrite 'message'"), or moves its own aside.
# What happens: TimeStamper writes timestamp, add_log_level level, EventRenamer message, over what was passed under these
#   names, and nothing is said. The time of the strike becomes the time of the line, grave becomes info, the words of the
#   source become the name of the event; each is a value that looks well. `event` alone is an error, raised where it is
#   logged. python-json-logger refuses message in `extra`, as logging does, and of a dict loses the timestamp alone.
# Why it matters here: an event of this field has a time, a level of severity or of administration, and a message. A log
#   that is to be evidence tells when the line was written, twice. Put what is told into one member of its own (`told=...`),
#   or name the logger's members otherwise (TimeStamper(key="logged_at")).
# Versions: structlog 26.1.0, python-json-logger 4.2.0. Seen 2026-12-01.
# Output (passed: timestamp 2014-07-17T13:20:00Z, level grave, message "they fired first", logger "osce"):
#   structlog, JSON: {"level": "info", "logger": "reports", "message": "strike", "timestamp": "now"}
#   structlog, JSON: nothing of 4 kept
#   structlog, logfmt: nothing of 4 kept
#   python-json-logger, extra: Attempt to overwrite 'message' in LogRecord
#   python-json-logger, a dict: level, message, logger of 4 kept
#   structlog, event: TypeError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check structlog==26.1.0 python-json-logger==4.2.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import io
import json
import logging
import sys

import structlog
from pythonjsonlogger.json import JsonFormatter

TOLD = {
    "timestamp": "2014-07-17T13:20:00Z",
    "level": "grave",
    "message": "they fired first",
    "logger": "osce",
}
PROCESSORS = [
    structlog.stdlib.add_logger_name,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
    structlog.processors.EventRenamer("message"),
]
FORMATS = {"JSON": structlog.processors.JSONRenderer(), "logfmt": structlog.processors.LogfmtRenderer()}


def kept(line):
    names = [name for name, value in TOLD.items() if value in line]
    return f"{', '.join(names) or 'nothing'} of {len(TOLD)} kept"


def by_structlog(renderer):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger = logging.Logger("reports")
    logger.addHandler(handler)
    structlog.wrap_logger(logger, [*PROCESSORS, renderer], wrapper_class=structlog.stdlib.BoundLogger).info("strike", **TOLD)
    return written.getvalue()


def by_json_logger(*message, **extra):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter("%(message)s", timestamp=True))
    logger = logging.Logger("reports")
    logger.addHandler(handler)
    try:
        logger.info(*message, **extra)
    except KeyError as error:
        return error.args[0]
    return kept(written.getvalue())


line = json.loads(by_structlog(FORMATS["JSON"]))
line["timestamp"] = "now" if line["timestamp"] > "2026" else line["timestamp"]
seen = [f"structlog, JSON: {json.dumps(dict(sorted(line.items())))}"]
seen += [f"structlog, {name}: {kept(by_structlog(renderer))}" for name, renderer in FORMATS.items()]
seen += [
    f"python-json-logger, extra: {by_json_logger('strike', extra=TOLD)}",
    f"python-json-logger, a dict: {by_json_logger(TOLD)}",
]
try:
    structlog.get_logger().info("told", event="strike")
except TypeError:
    seen.append("structlog, event: TypeError")
print(*seen, sep="\n")
expected = [
    'structlog, JSON: {"level": "info", "logger": "reports", "message": "strike", "timestamp": "now"}',
    "structlog, JSON: nothing of 4 kept",
    "structlog, logfmt: nothing of 4 kept",
    "python-json-logger, extra: Attempt to overwrite 'message' in LogRecord",
    "python-json-logger, a dict: level, message, logger of 4 kept",
    "structlog, event: TypeError",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
