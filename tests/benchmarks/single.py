"""One event at a time: from its post to its answer, and to its receipt by those who follow.

python -m tests.benchmarks.single [EVENTS [CHANNELS]]      300 events to one channel by default

The service is started as by hand, with one runner, and nothing else to do: each event is posted once the one before it was
received. With several channels as many follow different things, each its own, and it is received once all have it. The
first thirty are not told.
"""

import asyncio
import http.client
import sys
import time
from typing import Any

import orjson

from incidentlog.embedded import start
from incidentlog.live import PROTOCOL
from tests.benchmarks.fanout import KEY, SUBSCRIBE, fresh, service, settle
from tests.benchmarks.following import processor_of
from tests.benchmarks.machine import children, heading, percentile, scratch
from tests.benchmarks.subscribers import Subscribers, last_to
from tests.commands import strike

WARMING = 30
PAUSE_SECONDS = 0.02
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}


class Following:
    """One subscriber: the last position that it was told of, and when."""

    def __init__(self, port: int, subscribe: dict[str, Any]) -> None:
        self.position, self.at = 0, 0.0
        self.clients = Subscribers(port, protocol=PROTOCOL)
        self.clients.connect(1, "/v1/live", [{"type": "auth", "token": KEY}, subscribe], b'"type":"snapshot"')

    def received(self, _number: int, data: memoryview) -> None:
        """Take in what it got."""
        if (to := last_to(bytes(data))) is not None:
            self.position, self.at = to, time.perf_counter()

    def reach(self, position: int) -> float:
        """Wait for a position; when it came."""
        while self.position < position:
            if not self.clients.take(5.0, self.received):
                raise SystemExit(f"{position} did not come")
        return self.at


def different(number: int) -> dict[str, Any]:
    """What nobody else follows."""
    since = {"since": f"{1990 + number // 12}-{1 + number % 12:02d}-01"}
    return SUBSCRIBE if number == 0 else SUBSCRIBE | {"filter": since}


def measure(dsn: str, events: int, channels: int) -> None:
    """Post and receive, one after the other; a line about each."""
    answered, received, spent = list[float](), list[float](), 0.0
    with service(dsn) as port:
        *_, process = children()
        followers = [Following(port, different(number)) for number in range(channels)]
        settle(followers[0].clients)
        posting = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for number in range(-WARMING, events):
            if number == 0:
                spent = processor_of(process)
            body, begun = orjson.dumps(strike(stream=None)), time.perf_counter()
            posting.request("POST", "/v1/events", body, HEADERS)
            position = orjson.loads(posting.getresponse().read())["position"]
            ended = time.perf_counter()
            last = max(follower.reach(position) for follower in followers)
            if number >= 0:
                answered.append(ended - begun)
                received.append(last - begun)
            time.sleep(PAUSE_SECONDS)
        spent = processor_of(process) - spent
        for follower in followers:
            follower.clients.close()
    for name, took in (("answer", answered), ("receipt", received)):
        p50, p95, p99 = (percentile(took, share) * 1e3 for share in (0.5, 0.95, 0.99))
        print(f"from the post to the {name:<10} p50 {p50:6.2f} ms   p95 {p95:6.2f} ms   p99 {p99:6.2f} ms")
    print(f"the service's processor       {spent / events * 1e3:6.2f} ms an event, {channels} followed")


async def main(events: int = 300, channels: int = 1) -> None:
    """All of it, on a log that is new; the event loop of this process does nothing meanwhile."""
    with scratch() as folder, start(folder) as running:
        async with fresh(running.server, "single") as dsn:
            measure(dsn, events, channels)


if __name__ == "__main__":
    heading("One event at a time")
    asyncio.run(main(*map(int, sys.argv[1:])))
