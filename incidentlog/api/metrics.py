"""`GET /metrics`: how the service does, for Prometheus and whatever reads its formats (docs/metrics.md)."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, StateSetMetricFamily
from prometheus_client.exposition import generate_latest as write_plain
from prometheus_client.openmetrics.exposition import generate_latest as write_openmetrics

from incidentlog import __version__
from incidentlog.api.errors import TRAFFIC
from incidentlog.api.formats import Format, format_of, format_parameter
from incidentlog.api.operations import Answer, Routes, refuse_unknown
from incidentlog.api.requests import SERVICE, sender_of
from incidentlog.config import ROLES
from incidentlog.errors import Unauthenticated
from incidentlog.service.keys import OPEN
from incidentlog.service.service import Service
from incidentlog.store.builds import Build, Lag, active_builds, lags, read_builds
from incidentlog.store.connect import heed_cancelling
from incidentlog.store.read import read_head
from incidentlog.store.webhooks import State, count_states
from incidentlog.webhooks.deliverer import OUTCOMES

LOOK_SECONDS: Final = 2.0
"""How long the database may take: an answer without its figures is better than none."""
# By our own reading of `Accept`: prometheus_client 0.26 fails at a version that is no number.
PLAIN: Final = Format("prometheus", ("text/plain",), "text/plain; version=0.0.4; charset=utf-8")
OPENMETRICS: Final = Format(
    "openmetrics", ("application/openmetrics-text",), "application/openmetrics-text; version=1.0.0; charset=utf-8"
)
FORM: Final = format_parameter(PLAIN, OPENMETRICS)
SEALING: Final = ("sealing", "following", "off", "tampered", "failing")

routes = Routes()


@routes.get(
    "/metrics",
    scope="read",
    takes=(FORM,),
    answers=tuple(Answer(str, media=form.media[0]) for form in (PLAIN, OPENMETRICS)),
)
async def metrics(request: web.Request) -> web.Response:
    """Figures of this process and of the log, for any key that may read; not for those who read without one."""
    # Not `reader_of`: nobody's data is read, and what asks every few seconds would fill the list of who read what.
    reader = await sender_of(request)
    reader.may("read")
    if reader.name == OPEN:
        raise Unauthenticated("metrics need a key: Authorization: Bearer ...")
    refuse_unknown(request)
    wanted = format_of(request, (PLAIN, OPENMETRICS), FORM)
    service = request.app[SERVICE]
    registry = CollectorRegistry()
    registry.register(request.app[TRAFFIC].registry)
    registry.register(Figures(service, reader.clearance, await _stored(service, reader.clearance)))
    write = write_openmetrics if wanted is OPENMETRICS else write_plain
    headers = {"Content-Type": wanted.sent_as, "Cache-Control": "no-store", "Vary": "Authorization, Accept"}
    return web.Response(body=write(registry), headers=headers)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database says."""

    head: int
    lags: Sequence[Lag]
    building: Sequence[Build]
    webhooks: Mapping[State, int]


async def _stored(service: Service, clearance: int) -> Stored | None:
    """What the database says, of what a clearance covers; None where it does not answer in time."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            head = (await read_head(service.pool)).position
            answering = (await active_builds(service.pool)).values()
            building = [b for b in await read_builds(service.pool) if b.state == "building"]
            webhooks = await count_states(service.pool, clearance)
            return Stored(head, await lags(service.pool, answering, clearance), building, webhooks)
    except Exception:  # noqa: BLE001 - whatever it is, the database does not answer
        heed_cancelling()
        return None


@dataclass(eq=False, slots=True)
class Figures:
    """The figures of one moment."""

    service: Service
    clearance: int
    """Of whoever asks: what webhooks are sent that see more is none of their business."""
    stored: Stored | None

    def collect(self) -> Iterator[Metric]:
        """All of them, in the order of docs/metrics.md."""
        yield InfoMetricFamily("incidentlog", "The version that runs.", {"version": __version__})
        yield StateSetMetricFamily(
            "incidentlog_role", "What this node does.", {role: role in self.service.roles for role in ROLES}
        )
        yield from self._appends()
        yield from self._live()
        yield from self._webhooks()
        yield from self._database()
        yield from self._replication()
        yield from self._fanout()
        yield from self._sealing()
        if self.stored is not None:
            yield from self._projections(self.stored)

    def _appends(self) -> Iterator[Metric]:
        writer = self.service.writer
        yield _gauge("append_available", "Whether events can be appended.", writer.failure is None)
        yield _gauge("append_queue_events", "Events that wait to be appended.", writer.waiting)
        yield _gauge(
            "append_overdue_seconds", "How long ago the append at hand should have been answered.",
            writer.overdue_seconds,
        )  # fmt: skip
        yield CounterMetricFamily(
            "incidentlog_append_batches", "Transactions of appends.", value=writer.batches
        )  # fmt: skip
        outcomes = CounterMetricFamily(
            "incidentlog_append_outcomes", "What became of events that were to be appended.", labels=("outcome",)
        )
        for outcome, number in writer.outcomes.items():
            outcomes.add_metric((outcome,), number)
        yield outcomes

    def _live(self) -> Iterator[Metric]:
        hub = self.service.hub
        yield _gauge("live_connections", "WebSockets and streams that are open.", hub.connections.held.total())
        yield _gauge("live_channels", "Different things that are followed.", hub.followed)
        steps = CounterMetricFamily(
            "incidentlog_live_steps", "How often channels went on with what changed, by where they read it.",
            labels=("source",),
        )  # fmt: skip
        for source in ("carried", "shared", "database"):
            steps.add_metric((source,), hub.steps[source])
        yield steps
        yield CounterMetricFamily(
            "incidentlog_live_updates", "Updates that were made, each once for however many it was sent to.",
            value=hub.made.total(),
        )  # fmt: skip
        yield CounterMetricFamily(
            "incidentlog_live_conflated_updates", "Those of them that tell more than one change.", value=hub.made[True]
        )

    def _webhooks(self) -> Iterator[Metric]:
        deliverer = self.service.deliverer
        attempts = CounterMetricFamily(
            "incidentlog_webhook_attempts", "Messages to webhooks, by what became of them.", labels=("outcome",)
        )
        for outcome in OUTCOMES:
            made = (n for (level, what), n in deliverer.attempts.items() if what == outcome and level <= self.clearance)
            attempts.add_metric((outcome,), sum(made))
        yield attempts
        yield _gauge(
            "webhook_waiting_seconds", "For how long the oldest event waits for a webhook of this process.",
            deliverer.waiting(self.clearance).total_seconds(),
        )  # fmt: skip
        if self.stored is not None:
            there = [(state, self.stored.webhooks.get(state, 0)) for state in get_args(State)]
            yield _gauges("webhooks", "Webhooks that there are.", "state", there)

    def _database(self) -> Iterator[Metric]:
        pool = self.service.leader
        yield _gauge("database_up", f"Whether it answered within {LOOK_SECONDS:.0f} s.", self.stored is not None)
        idle = pool.get_idle_size()
        yield _gauges(
            "database_pool_connections", "Connections that reads have open.", "state",
            [("idle", idle), ("used", pool.get_size() - idle)],
        )  # fmt: skip
        yield _gauge("database_pool_most_connections", "The most of them.", pool.get_max_size())

    def _replication(self) -> Iterator[Metric]:
        standbys, replicas = self.service.standbys, self.service.replicas
        safe = standbys is None or standbys.warning is None
        yield _gauge("failover_safe", "Whether what is acknowledged outlives the leader, if there is another.", safe)
        each = () if replicas is None else replicas.each
        read_from = [(r.name, float(replicas is not None and replicas.why_left_out(r) is None)) for r in each]
        yield _gauges("replica_read_from", "Whether it is read from.", "server", read_from)
        lags = [(r.name, r.lag_seconds) for r in each]
        yield _gauges("replica_lag_seconds", "For how long it has not replayed what the leader had.", "server", lags)
        yield CounterMetricFamily(
            "incidentlog_replica_reads", "Requests that were sent to a replica.", value=sum(r.reads for r in each)
        )
        yield CounterMetricFamily(
            "incidentlog_replica_waits_in_vain",
            "Requests that the leader answered since no replica was there in time.",
            value=0 if replicas is None else replicas.waited_in_vain,
        )

    def _fanout(self) -> Iterator[Metric]:
        fanout = self.service.fanout
        heard = fanout is not None and fanout.heard
        yield _gauge("fanout_heard", "Whether what changes is heard from NATS, and not looked for.", heard)
        yield CounterMetricFamily(
            "incidentlog_fanout_published", "Stretches of the log whose changes this node published.",
            value=0 if fanout is None else fanout.published,
        )  # fmt: skip
        yield CounterMetricFamily(
            "incidentlog_fanout_reads", "How often it read the database for that.",
            value=0 if fanout is None else fanout.reads,
        )  # fmt: skip

    def _sealing(self) -> Iterator[Metric]:
        notary = self.service.notary
        status = notary.status if notary.status in SEALING else "failing"
        yield StateSetMetricFamily(
            "incidentlog_sealing", "Whether the log is signed.", {name: name == status for name in SEALING}
        )
        yield _gauge("sealed_position", "Up to where the log is signed.", notary.size)

    def _projections(self, stored: Stored) -> Iterator[Metric]:
        yield _gauge("head_position", "The last position of the log.", stored.head)
        told = stored.lags
        of = "projection"
        yield _gauges(
            "projection_position", "Up to where it is kept up.", of, [(p.projection, p.position) for p in told]
        )
        behind = [(p.projection, stored.head - p.position) for p in told]
        yield _gauges("projection_lag_events", "How many events it is behind.", of, behind)
        waited = [(p.projection, p.seconds) for p in told]
        yield _gauges("projection_lag_seconds", "For how long the next event has waited.", of, waited)
        parked = [(p.projection, p.parked) for p in told]
        yield _gauges("projection_parked_streams", "Streams that it could not take in.", of, parked)
        # Of several versions that are built, the one that is furthest.
        built = sorted((b.projection, b.position) for b in stored.building)
        yield _gauges("rebuild_position", "Up to where a new build of it is.", of, dict(built).items())


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"incidentlog_{name}", meaning, value=value)


def _gauges(name: str, meaning: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"incidentlog_{name}", meaning, labels=(label,))
    for labelled, value in values:
        family.add_metric((labelled,), value)
    return family
