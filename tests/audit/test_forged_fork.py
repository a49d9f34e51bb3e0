"""Who raises `log.fork` in the database defeats no check: a fork is an operator's word on this machine."""

import pytest

from incidentlog.audit.beginning import fork
from incidentlog.audit.notes import Verifier
from tests.api.serving import serving
from tests.audit.sealing import Sealing
from tests.audit.test_verify import EDIT, verified
from tests.commands import strike

EDITED = (EDIT.format(300), "UPDATE log SET fork = 1")
CUT = (
    "DELETE FROM event_private WHERE position > 500", "DELETE FROM events WHERE position > 500",
    "DELETE FROM commits WHERE last_position > 500", "UPDATE log SET fork = 1",
)  # fmt: skip
SEEN_BY_NOBODY = {
    "a table with row level security": ("ALTER TABLE events ENABLE ROW LEVEL SECURITY",),
    "a policy": ("CREATE POLICY blind ON events USING (position <> 300)",),
    "a view in place of the table": (
        "ALTER TABLE commits RENAME TO hidden", "CREATE VIEW commits AS SELECT * FROM hidden",
    ),
    "a rule": ("CREATE RULE quiet AS ON INSERT TO commits DO ALSO NOTHING",),
    "a trigger that is disabled": ("ALTER TABLE events DISABLE TRIGGER erasure_only",),
    "a trigger that fires for some alone": ("ALTER TABLE events ENABLE TRIGGER erasure_only",),
    "a trigger that was dropped": ("DROP TRIGGER append_only ON commits",),
    "a trigger too many": (
        "CREATE TRIGGER more BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION allow_erased_body()",
    ),
    "a constraint that was dropped": ("ALTER TABLE events DROP CONSTRAINT events_position_check",),
    "a function with another text": (
        "CREATE OR REPLACE FUNCTION is_eraser() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'",
    ),
    "a row before the first": (
        "ALTER TABLE commits DROP CONSTRAINT commits_last_position_check",
        "INSERT INTO commits VALUES (-1, '2020-01-01Z')",
    ),
    "a tile laid in wait": ("INSERT INTO tiles SELECT fork, 1, 0, hashes FROM tiles WHERE index = 0",),
    "a tree head that is gone": ("DELETE FROM tree_heads WHERE size = 300",),
    "a merge that nobody recorded": ("INSERT INTO merge_links VALUES ('strike:a', 'strike:b', 300)",),
}  # fmt: skip


@pytest.mark.parametrize("harm", [EDITED, CUT], ids=["edited", "cut"])
async def test_a_fork_that_was_not_begun_here_is_tampering_for_verify_notary_and_service(
    filled: Sealing, harm: tuple[str, ...]
):
    await filled.harm(*harm)
    found = {f.kind for f in (await verified(filled)).findings}
    assert "newer_fork" in found
    assert found & {"changed", "shorter"}  # the heads of the earlier fork are held against the log, too
    notary = filled.notary()
    await notary.once()
    assert notary.status == "tampered"
    async with serving(filled.access, folder=filled.folder) as served:
        assert (await served.get("/readyz")).status == 503
        assert (await served.post(strike())).slug == "tampered"


async def test_the_key_that_was_published_finds_it_on_a_machine_that_knows_nothing_else(filled: Sealing):
    state = filled.folder.read()
    assert state is not None
    assert state.vkey is not None
    vkey = Verifier.parse(state.vkey)
    assert (await verified(filled, state=None, keys=[vkey])).findings == []
    await filled.harm(*EDITED)
    assert {f.kind for f in (await verified(filled, state=None, keys=[vkey])).findings} == {"changed", "unsigned"}
    assert {f.kind for f in (await verified(filled, state=None)).findings} == {"changed"}


async def test_a_log_that_was_signed_is_not_well_while_nobody_signs_it(filled: Sealing, tmp_path):
    """Neither is its service, in a data directory of which nobody remembers anything."""
    await filled.admin.execute("UPDATE log SET fork = 1")
    async with serving(filled.access, folder=type(filled.folder)(tmp_path / "new")) as served:
        ready = await served.get("/readyz?verbose")
    assert ready.status == 503
    assert ready.json["checks"]["sealing"] == "the log was signed before, and nobody signs fork 1"


async def test_what_a_fork_left_behind_is_held_up_to_where_it_ended(filled: Sealing):
    await filled.harm(*CUT[:3])
    begun = await fork(filled.access, filled.folder, origin=None, key=None)
    assert begun.fork == 1
    await filled.append(300)
    await filled.seal()
    assert (await verified(filled)).findings == []
    state = filled.folder.read()
    assert state is not None
    assert [(p.fork, p.end) for p in state.past] == [(0, 500)]
    # What fork 0 signed up to there still counts, though fork 1 signed the same events anew.
    await filled.harm("UPDATE tree_heads SET root = sha256('no') WHERE fork = 0 AND size = 300")
    assert {f.kind for f in (await verified(filled)).findings} == {"forged_head"}


@pytest.mark.parametrize("name", SEEN_BY_NOBODY)
async def test_what_stands_before_the_tables_or_beside_them_is_found(filled: Sealing, name: str):
    assert (await verified(filled)).findings == []
    for statement in SEEN_BY_NOBODY[name]:
        rows = statement.startswith(("INSERT", "DELETE"))
        await (filled.harm(statement) if rows else filled.admin.execute(statement))
    assert (await verified(filled)).findings
