import pytest
from pydantic import ValidationError

from incidentlog.events.envelope import EventData
from incidentlog.events.registry import ALWAYS_CLEAR, Registry, event, upcaster
from incidentlog.folding.fold import fold_family
from incidentlog.folding.subject import Subject
from incidentlog.subjects import EVENTS
from tests.subjects.given import KYIV, TIMELINE, given
from tests.subjects.given import event as said

# Every event type of docs/access.md, When a marking changes.
TYPES = """
talk.proposed talk.scheduled talk.postponed talk.cancelled talk.held talk.suspended talk.resumed contact.held
proposal.tabled proposal.revised proposal.responded statement.made agreement.reached agreement.entered_into_force
agreement.extended agreement.suspended agreement.resumed agreement.terminated exchange.agreed exchange.stage_completed
exchange.completed detainees.released children.returned remains.repatriated ceasefire.proposed ceasefire.responded
ceasefire.declared ceasefire.agreed ceasefire.entered_into_force ceasefire.extended ceasefire.suspended
ceasefire.resumed ceasefire.terminated ceasefire.position_stated ceasefire.monitored violation.reported
strike.reported strike.assessed incident.reported incident.assessed attack.claimed attack.attributed alert.declared
alert.lifted commitment.made commitment.progressed commitment.fulfilled commitment.breached commitment.rescheduled
commitment.withdrawn sanction.imposed sanction.extended sanction.eased assistance.pledged assistance.delivered
assistance.suspended assistance.resumed displacement.reported toll.reported aggregate.reported sentiment.reported corridor.opened corridor.closed
record.amended record.retracted record.corroborated record.disputed record.merged evidence.attached
custody.transferred record.remarked record.erased place.registered actor.registered source.graded policy.changed
audit.exported audit.access_digest import.begun import.ended
"""


def test_every_event_type_of_the_domain_is_registered_and_no_other():
    assert sorted(EVENTS.newest) == sorted(TYPES.split())


def test_every_category_that_an_event_may_stand_on_has_a_subject():
    categories = {c for t in EVENTS.types.values() for c in t.categories}
    assert categories == set(Subject.families)


def test_what_is_said_about_the_log_itself_needs_no_source_and_but_for_audits_and_imports_is_always_clear():
    unsourced = {name for name in TYPES.split() if (t := EVENTS.find(name)) and not t.sourced}
    about_records = {n for n in TYPES.split() if n.startswith(("record.", "evidence.", "custody."))}
    assert {n.partition(".")[0] for n in unsourced - about_records} == ALWAYS_CLEAR | {"audit", "import"}


@pytest.mark.parametrize("line", TIMELINE.read_bytes().splitlines(), ids=lambda line: f"{len(line)} bytes")
def test_every_line_of_the_timeline_is_a_valid_event(line: bytes):
    name = line.split(b'"type": "', 1)[1].split(b'"', 1)[0].decode()
    found = EVENTS.find(name)
    assert found is not None
    read = found.envelope.model_validate_json(line)
    assert read.stream is not None
    assert read.stream.partition(":")[0] in found.categories or not found.categories


def test_a_type_and_version_can_be_registered_once():
    registry = Registry()

    @event("well.dug", registry=registry)
    class WellDug(EventData):
        depth: int

    with pytest.raises(ValueError, match="registered twice"):
        event("well.dug", registry=registry)(WellDug)


def test_an_old_version_is_lifted_when_read_and_its_stored_text_stays():
    registry = Registry()

    @event("well.dug", registry=registry)
    class WellDug(EventData):
        feet: int

    @event("well.dug", version=2, registry=registry)
    class WellDugInMetres(EventData):
        metres: float

    @upcaster("well.dug", version=1, registry=registry)
    def _metres(data: dict[str, int]) -> dict[str, float]:
        return {"metres": data["feet"] * 0.3048}

    old = said("well.dug", "well:1", feet=100, schema_version=1)
    (row,) = given(old, registry=registry)
    before = row.body
    assert row.envelope is not None
    assert row.envelope.data == WellDugInMetres(metres=30.48)
    assert row.body == before
    assert '"feet":100' in row.body
    assert fold_family([row], KYIV)["well:1"][0] == fold_family([row], KYIV)["well:1"][0]


def test_a_type_of_another_build_is_listed_and_harms_nothing():
    (row,) = given(said("omen.seen", "omen:1", sign="comet"), valid=False)
    subject = fold_family([row], KYIV)["omen:1"][0]
    assert isinstance(subject, Subject)
    assert not subject.is_current
    assert [i.type for i in subject.ignored] == ["omen.seen"]


def test_data_with_an_unknown_field_is_refused():
    found = EVENTS.find("alert.declared")
    assert found is not None
    with pytest.raises(ValidationError, match="colour"):
        found.model.model_validate_json('{"level": "oblast", "colour": "red"}')


def test_every_event_type_has_a_schema_that_clients_can_read():
    for found in EVENTS.types.values():
        schema = found.envelope.model_json_schema()
        assert {"occurred", "data", "type"} <= set(schema["required"])
