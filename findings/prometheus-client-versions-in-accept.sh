#!/usr/bin/env bash
# prometheus_client answers in a version of OpenMetrics that there is not, and fails at one that is no number.
#
# What one would guess: of what `Accept` names, a server answers with what it speaks, and says so in `Content-Type`
#   (RFC 9110 §12.5.1); a version that it does not know is passed over, as any other parameter that does not match.
# What happens: a version named with `application/openmetrics-text` is said back as that of the answer, whatever number it
#   is: asked for version 9.0.0 it sends `Content-Type: ...; version=9.0.0`, with the text of version 1.0.0 below it. A
#   version that is no number, which the grammar of RFC 9110 allows, is compared with one, and raises TypeError: the
#   request is answered with a fault.
# Why it matters here: whoever serves `/metrics` with the library's own choice of format can be asked for a fault, and one
#   that reads what it was sent by the version in its type reads it by rules that nobody has written.
# Versions: prometheus-client 0.26.0. Seen 2026-11-29.
# Output:
#   version=1.0.0 -> application/openmetrics-text; version=1.0.0
#   version=9.0.0 -> application/openmetrics-text; version=9.0.0
#   the same text: True
#   version=x.y -> TypeError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check prometheus-client==0.26.0

"$work/venv/bin/python" - <<'PYTHON'
import sys
from wsgiref.util import setup_testing_defaults

from prometheus_client import CollectorRegistry, Gauge, make_wsgi_app

registry = CollectorRegistry()
Gauge("temperature", "An example.", registry=registry).set(1)
app = make_wsgi_app(registry)


def ask(version):
    environ = {"HTTP_ACCEPT": f"application/openmetrics-text; version={version}"}
    setup_testing_defaults(environ)
    headers = {}
    try:
        body = b"".join(app(environ, lambda status, told: headers.update(told)))
    except TypeError as error:
        return type(error).__name__, b""
    media, version = headers["Content-Type"].split("; ")[:2]
    return f"{media}; {version}", body


one, nine, word = [ask(version) for version in ("1.0.0", "9.0.0", "x.y")]
seen = [
    f"version=1.0.0 -> {one[0]}",
    f"version=9.0.0 -> {nine[0]}",
    f"the same text: {one[1] == nine[1]}",
    f"version=x.y -> {word[0]}",
]
print("\n".join(seen))
sys.exit(
    seen
    != [
        "version=1.0.0 -> application/openmetrics-text; version=1.0.0",
        "version=9.0.0 -> application/openmetrics-text; version=9.0.0",
        "the same text: True",
        "version=x.y -> TypeError",
    ]
)
PYTHON
