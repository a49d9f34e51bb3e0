"""The doctor says what a failover could lose, and which replicas may be read from."""

import json
from pathlib import Path

from tests.cli.acting import Terminal
from tests.cli.test_doctor import checks
from tests.cluster.pair import Pair, dsn_of


def test_what_a_failover_could_lose_is_told_and_each_replica(pair: Pair, tmp_path: Path):
    reads = dsn_of(pair.leader, pair.standby)
    terminal = Terminal(tmp_path, INCIDENTLOG_DSN=pair.dsn, INCIDENTLOG_DSN_READ=reads, INCIDENTLOG_PORT="0")
    _, found = checks(terminal)
    assert found["failover"]["status"] == "warn"
    assert "synchronous_standby_names is empty" in found["failover"]["detail"]
    lines = [json.loads(line) for line in terminal.run("doctor", "-o", "ndjson").stdout.splitlines()]
    replicas = [(check["status"], check["detail"]) for check in lines if check["name"] == "replica"]
    assert replicas == [("ok", f"{pair.leader.host}: it is the leader"), ("ok", f"{pair.standby.host}: streaming")]
    code, found = checks(terminal, INCIDENTLOG_SYNCHRONOUS="needed")
    assert (code, found["failover"]["status"]) == (1, "fail")
