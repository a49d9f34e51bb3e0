#!/usr/bin/env bash
# The 2,001st place that a metric counts has no name: since 2026 OpenTelemetry's SDK puts all later ones into one series.
#
# What one would guess: a counter by place has a series for each place, as many as there are; it costs memory. A limit, if
#   there is one, is told in the log when it is met, and what was counted keeps its name.
# What happens: since this year's releases (1.42 has none) there is a limit of 2,000 sets of attributes for each instrument,
#   as the specification advises. The first 2,000 that come after a start keep theirs. All later ones are counted together
#   under otel.metric.overflow=true, for as long as the process runs; nothing is logged. The total is right. Of a gauge they
#   overwrite each other: one value stands for a thousand places, that of the one that came last. After a restart others
#   come first. The specification has it in a section of its own; it can be raised by a View.
# Why it matters here: strikes by place, or the age of the last report of each, have more than 2,000 places in a year of one
#   war. An alarm for a place that comes late never rings, and one for a place that came early rings as before, so the
#   dashboard looks well. Count by region, or raise the limit and look for otel.metric.overflow.
# Versions: opentelemetry-sdk 1.45.2 (and 1.42.0). Seen 2026-12-01.
# Output (3,000 places, each reported once, then the last ten once more; as counter, and as gauge with the place's number):
#   1.42.0: 3000 series, the last place counted 2, its gauge 2999; without a name: nothing
#   1.45.2: 2001 series, the last place counted nothing, its gauge nothing; without a name: 1010, gauge 2999
#   1.45.2, logged: nothing
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/count.py" <<'PYTHON'
import logging
from importlib.metadata import version

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

logged = []
handler = logging.Handler()
handler.emit = logged.append
logging.basicConfig(level=logging.WARNING, handlers=[handler])

reader = InMemoryMetricReader()
meter = MeterProvider([reader]).get_meter("incidents")
reports, latest = meter.create_counter("reports"), meter.create_gauge("latest")
for place in [*range(3000), *range(2990, 3000)]:
    reports.add(1, {"place": place})
    latest.set(place, {"place": place})

metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
points = {metric.name: {tuple(p.attributes.items()): p.value for p in metric.data.data_points} for metric in metrics}
LAST, NAMELESS = (("place", 2999),), (("otel.metric.overflow", True),)
counted, valued, sdk = points["reports"], points["latest"], version("opentelemetry-sdk")
nameless = f"{counted[NAMELESS]}, gauge {valued[NAMELESS]}" if NAMELESS in counted else "nothing"
print(
    f"{sdk}: {len(counted)} series, the last place counted {counted.get(LAST, 'nothing')}, "
    f"its gauge {valued.get(LAST, 'nothing')}; without a name: {nameless}"
)
if NAMELESS in counted:
    print(f"{sdk}, logged: {[record.getMessage() for record in logged] or 'nothing'}")
PYTHON
for version in 1.42.0 1.45.2; do
  python3 -m venv "$work/$version"
  "$work/$version/bin/python" -m pip install --quiet --disable-pip-version-check "opentelemetry-sdk==$version"
  "$work/$version/bin/python" "$work/count.py"
done | tee "$work/seen"
cat >"$work/expected" <<'EXPECTED'
1.42.0: 3000 series, the last place counted 2, its gauge 2999; without a name: nothing
1.45.2: 2001 series, the last place counted nothing, its gauge nothing; without a name: 1010, gauge 2999
1.45.2, logged: nothing
EXPECTED
diff "$work/expected" "$work/seen" || { echo "it behaves otherwise now"; exit 1; }
