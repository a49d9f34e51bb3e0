"""How versions of subjects are stored: what is read again is what was written, and a long stream's events cost the same."""

from collections.abc import Sequence

import pytest
from hypothesis import given as for_all

from incidentlog.events.recorded import Recorded
from incidentlog.folding.change import Families
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.store import versions
from incidentlog.store.versions import Bases, Text, Version
from tests.folding.test_kept_up import logs
from tests.folding.test_work import FIRST, assessed
from tests.projections.showing import Given
from tests.subjects.given import KYIV, Event, given, retract

Key = tuple[str, int]


class Stored:
    """The versions of a log as they are stored, each with where it begins."""

    def __init__(self, events: Sequence[Recorded], *, forgetful: bool = False) -> None:
        self.rows: dict[tuple[Key, int], tuple[Version, Subject | Absorbed]] = {}
        bases, standing = Bases(), dict[Key, int]()
        for change in Families().changes(events, KYIV):
            for level in change.levels:
                key, after = (change.stream, level), change.after.get(level)
                if after == change.before.get(level):
                    continue
                if forgetful and key in standing:
                    bases.forget([change.stream])
                for missing in bases.missing({key: change.before.get(level)}):
                    at = standing[missing]
                    bases.know(missing, at, self.text(missing, at), self.rows[missing, at][0].rests_on)
                if after is None:
                    bases.end(key, change.position)
                    del standing[key]
                else:
                    self.rows[key, change.position] = bases.put(key, change.position, after), after
                    standing[key] = change.position
            bases.settle()

    def text(self, key: Key, position: int) -> Text:
        chain = list[str]()
        at: int | None = position
        while at is not None:
            version, _ = self.rows[key, at]
            chain.append(version.lists or version.body)
            at = version.rests_on
        version, _ = self.rows[key, position]
        return Text(key[0], version.body, version.lists, chain[1:])

    @property
    def octets(self) -> list[int]:
        return [len(version.body) + len(version.lists or "") for version, _ in self.rows.values()]


def long(number: int) -> Stored:
    return Stored(given(FIRST, *(assessed(n) for n in range(number))))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "LONG", 2)
    monkeypatch.setattr(versions, "STEP", 2)


@for_all(logs())
def test_what_is_read_again_is_what_was_written(log: Given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "LONG", 2)
        patch.setattr(versions, "STEP", 2)
        kept, forgetful = Stored(log.log), Stored(log.log, forgetful=True)
        for (key, position), (version, state) in kept.rows.items():
            assert kept.text(key, position).state == state
            again, _ = forgetful.rows[key, position]
            assert (again.body, again.rests_on, again.lists) == (version.body, version.rests_on, version.lists)


def test_an_event_of_a_long_stream_is_as_much_text_as_one_of_a_short_stream():
    octets = long(1_000).octets
    assert max(octets[500:]) < 3 * octets[10]
    assert sum(octets[-100:]) < 2 * sum(octets[10:110])


def test_versions_of_a_long_stream_are_read_as_they_were(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(versions, "LARGE", 0)
    stored = long(100)
    for (key, position), (_, state) in stored.rows.items():
        text = stored.text(key, position)
        assert text.state == state
        assert isinstance(state, Subject)
        assert text.light == state.but(entries=(), claims=(), told={})
    assert max(len(stored.text(*row).earlier) for row in stored.rows) > 5


@pytest.mark.usefixtures("short")
def test_a_correction_has_what_it_changes_and_no_more():
    stored = Stored(given(FIRST, *(assessed(n) for n in range(7)), retract("first")))
    versions = [version for version, _ in stored.rows.values()]
    assert [version.rests_on for version in versions] == [None, None, 2, 2, 4, 4, 6, 6, 8]
    lists = versions[-1].lists
    assert lists is not None
    assert '"entries":[8,0]' in lists
    assert (lists + versions[-1].body).count('"event":') == 2


@pytest.mark.usefixtures("short")
def test_a_correction_that_changes_most_of_what_there_was_makes_a_whole_version():
    told: list[Event] = [FIRST, retract("first", "r0"), *(retract(f"r{n}", f"r{n + 1}") for n in range(9))]
    stored = Stored(given(*told))
    assert [version.rests_on for version, _ in stored.rows.values()][-3:] == [None, None, None]
