"""One event at a time: from its post to its answer, and to its receipt by a subscriber.

python -m tests.benchmarks.single [EVENTS]      300 by default

The service is started as by hand, with one runner, and nothing else to do: each event is posted once the one before it was
received. The first thirty are not told.
"""

import asyncio
import http.client
import sys
import time

import orjson

from incidentlog.embedded import start
from incidentlog.live import PROTOCOL
from tests.benchmarks.fanout import KEY, SUBSCRIBE, fresh, service, settle
from tests.benchmarks.machine import heading, percentile, scratch
from tests.benchmarks.subscribers import Subscribers
from tests.commands import strike

WARMING = 30
PAUSE_SECONDS = 0.02
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}


class Received:
    """The last position that the subscriber was told of, and when."""

    def __init__(self) -> None:
        self.position, self.at = 0, 0.0

    def __call__(self, _number: int, data: memoryview) -> None:
        """Take in what it got."""
        text = bytes(data)
        if (found := text.rfind(b'"to":')) >= 0:
            self.position, self.at = int(text[found + 5 : text.index(b",", found)]), time.perf_counter()


def measure(dsn: str, events: int) -> None:
    """Post and receive, one after the other; a line about each."""
    answered, received, last = list[float](), list[float](), Received()
    with service(dsn) as port:
        clients = Subscribers(port, protocol=PROTOCOL)
        clients.connect(1, "/v1/live", [{"type": "auth", "token": KEY}, SUBSCRIBE], b'"type":"snapshot"')
        settle(clients)
        posting = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for number in range(-WARMING, events):
            body, begun = orjson.dumps(strike(stream=None)), time.perf_counter()
            posting.request("POST", "/v1/events", body, HEADERS)
            position = orjson.loads(posting.getresponse().read())["position"]
            ended = time.perf_counter()
            while last.position < position:
                if not clients.take(5.0, last):
                    raise SystemExit(f"{position} did not come")
            if number >= 0:
                answered.append(ended - begun)
                received.append(last.at - begun)
            time.sleep(PAUSE_SECONDS)
        clients.close()
    for name, took in (("answer", answered), ("receipt", received)):
        p50, p95, p99 = (percentile(took, share) * 1e3 for share in (0.5, 0.95, 0.99))
        print(f"from the post to the {name:<10} p50 {p50:6.2f} ms   p95 {p95:6.2f} ms   p99 {p99:6.2f} ms")


async def main(events: int) -> None:
    """All of it, on a log that is new; the event loop of this process does nothing meanwhile."""
    with scratch() as folder, start(folder) as running:
        async with fresh(running.server, "single") as dsn:
            measure(dsn, events)


if __name__ == "__main__":
    heading("One event at a time")
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 300))
