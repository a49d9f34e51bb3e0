"""A service over a log that is not what it was: it says so, serves the last good head, and gives no position twice."""

from datetime import timedelta

from structlog.testing import capture_logs

from incidentlog.audit.beginning import accept_fork, fork
from incidentlog.audit.notes import TreeHead, parse_note
from incidentlog.audit.state import Folder
from incidentlog.clock import ManualClock
from tests.api.serving import NOW, serving
from tests.audit.sealing import SIZE, Sealing
from tests.commands import strike
from tests.live.following import until

CUT = (
    "DELETE FROM event_private WHERE position > 500", "DELETE FROM events WHERE position > 500",
    "DELETE FROM commits WHERE last_position > 500",
)  # fmt: skip


async def test_a_log_that_was_changed_is_told_in_readiness_and_its_last_good_head_stays(filled: Sealing):
    await filled.harm("UPDATE events SET body = '{}' WHERE position = 300")
    notary = filled.notary()
    await notary.once()
    assert notary.status == "tampered"
    async with serving(filled.access, folder=filled.folder) as served:
        ready = await served.get("/readyz?verbose")
        assert (ready.status, ready.json["checks"]["sealing"]) == (503, "tampered")
        head = TreeHead.parse(parse_note((await served.get("/log/checkpoint")).raw).text)
        assert head == filled.signed()
        # What is not what was signed is served by nobody as if it were.
        assert (await served.get("/log/tile/entries/001")).slug == "tampered"
        event = await filled.admin.fetchval("SELECT event_id FROM events WHERE position = 300")
        assert (await served.get(f"/v1/events/{event}/proof")).slug == "tampered"
        assert (await served.get("/log/tile/entries/000")).status == 200


async def test_nothing_is_appended_to_a_log_that_became_shorter_until_it_is_forked(filled: Sealing):
    await filled.harm(*CUT)
    async with serving(filled.access, folder=filled.folder) as served:
        epoch = served.service.log.epoch
        for answer in (await served.post(strike()), await served.bulk(strike())):
            assert answer.slug == "tampered"
            assert "ends at 500, and was at 700" in answer.json["detail"]
        assert (await served.get("/v1/events", limit="1")).status == 200
        assert (await served.get("/readyz")).status == 503
    await fork(filled.access, filled.folder, origin=None, key=None)
    async with serving(filled.access, folder=filled.folder) as served:
        assert served.service.log.epoch != epoch
        assert await served.add(strike()) == [501]
        assert await served.service.notary.sealed(501, 20)
        assert (await served.get("/readyz")).status == 200


async def test_no_digest_of_a_day_is_appended_to_a_log_that_became_shorter(filled: Sealing):
    """What the service appends by itself would take a position that was given to another event, too."""
    async with serving(filled.access, folder=filled.folder) as served:
        assert (await served.get("/v1/events", limit="1")).status == 200  # noted among the day's reads
    await filled.harm(*CUT)
    with capture_logs() as logged:
        days_later = ManualClock(NOW + timedelta(days=2))
        async with serving(filled.access, folder=filled.folder, clock=days_later, again=True) as served:
            await until(lambda: any(line["event"] == "access_digest_refused" for line in logged))
            assert await served.head() == 500


async def test_a_service_that_does_not_sign_watches_too(filled: Sealing, tmp_path):
    folder = Folder(tmp_path / "another")
    async with serving(filled.access, folder=folder) as served:
        assert served.service.notary.size == SIZE
        assert served.service.notary.status == "following"
        await served.service.notary.sealed(SIZE, 5)
    state = folder.read()
    assert state is not None
    assert (state.head, state.vkey) == (SIZE, None)
    await filled.harm(*CUT)
    async with serving(filled.access, folder=folder) as served:
        assert (await served.post(strike())).slug == "tampered"
    # The fork was minted where the key is: here nobody knows of it, until an operator says so.
    await fork(filled.access, filled.folder, origin=None, key=None)
    async with serving(filled.access, folder=folder) as served:
        assert (await served.post(strike())).slug == "tampered"
    assert await accept_fork(filled.access, folder) == 1
    async with serving(filled.access, folder=folder) as served:
        assert await served.add(strike()) == [501]


async def test_another_database_is_not_taken_for_the_log(filled: Sealing):
    await filled.admin.execute("UPDATE log SET id = gen_random_uuid()")
    async with serving(filled.access, folder=filled.folder) as served:
        answer = await served.post(strike())
        assert answer.slug == "tampered"
        assert "this service served log" in answer.json["detail"]
