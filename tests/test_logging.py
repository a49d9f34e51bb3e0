import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import structlog

from incidentlog.logging import configure_logging
from tests.quiet import logging_put_back

Written = Callable[[], list[dict[str, object]]]


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    with logging_put_back():
        yield


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Written:
    """What was written to stderr so far."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_the_time_in_utc_and_what_is_bound(lines: Written):
    configure_logging("info")
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        structlog.get_logger().info("request", path="/v1/events", status=200)
    (line,) = lines()
    time = datetime.fromisoformat(str(line.pop("timestamp")))
    assert time.utcoffset() == timedelta(0)
    assert line == {"event": "request", "level": "info", "path": "/v1/events", "status": 200, "request_id": "abc"}


def test_what_libraries_log_looks_the_same(lines: Written):
    configure_logging("warning")
    logging.getLogger("aiohttp.server").warning("odd %s", "request", extra={"peer": "x"})
    logging.getLogger("asyncio").info("not told")
    (line,) = lines()
    assert line.items() >= {"event": "odd request", "level": "warning", "logger": "aiohttp.server", "peer": "x"}.items()


def test_below_the_level_nothing_is_told(lines: Written):
    configure_logging("error")
    structlog.get_logger().warning("not told")
    assert lines() == []


def test_an_exception_is_told_without_the_values_of_variables(lines: Written):
    configure_logging("info")
    secret = "hunter" + "2"
    try:
        int(f"{secret} is no number"[8:])
    except ValueError:
        structlog.get_logger().exception("failed", length=len(secret))
    (line,) = lines()
    assert "ValueError: invalid literal" in str(line["exception"])
    assert secret not in str(line)


@pytest.mark.parametrize("value", ["\ud800", 2**80, {1: object}, b"x"])
def test_no_value_is_too_odd_for_a_line(lines: Written, value: object):
    configure_logging("info")
    structlog.get_logger().info("odd", value=value)
    (line,) = lines()
    assert line["event"] == "odd"


def test_on_a_terminal_it_is_for_people(capsys: pytest.CaptureFixture[str]):
    configure_logging("info", as_json=False)
    structlog.get_logger().info("served", port=8080)
    told = capsys.readouterr().err
    assert "served" in told
    assert "port=8080" in told
