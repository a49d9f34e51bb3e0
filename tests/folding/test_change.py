"""Event by event a stream grows into just what folding all of it at one go gives."""

from dataclasses import replace

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from incidentlog.events.about import is_record_event
from incidentlog.events.recorded import Recorded
from incidentlog.folding import change as change_module
from incidentlog.folding import connected as connected_module
from incidentlog.folding.change import Families, Family
from incidentlog.folding.fold import fold_family, grow
from tests.folding.test_kept_up import logs
from tests.projections.showing import Given
from tests.subjects.given import KYIV, Event, about, amend, day, event, given, id_of, merge, remark, retract

PICKS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=10)


@settings(max_examples=200)
@for_all(log=logs(), marks=st.lists(st.sampled_from([0, 0, 0, 0, 2]), min_size=12, max_size=12))
def test_what_grows_event_by_event_is_what_is_folded_at_one_go(log: Given, marks: list[int]):
    events = [replace(e, tlp=mark) for e, mark in zip(log.log, marks, strict=False)]
    at_one_go = folded_each(events)
    for many in (1, change_module.MANY):
        families, seen = Families(), dict[str, object]()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(change_module, "MANY", many)
            for e, stands in zip(events, at_one_go, strict=True):
                seen |= taken_in(families, e)
                assert seen.items() <= stands.items(), many


def taken_in(families: Families, e: Recorded) -> dict[str, object]:
    """What one more event makes of the streams that it changes, each of which says rightly whether it restates."""
    changes = list(families.changes([e], KYIV))
    for change in changes:
        for level in change.levels:
            assert change.restated(level) == change._replace(restates=came(e)).restated(level)
    return {change.stream: change.after for change in changes}


def came(e: Recorded) -> bool | None:
    """Whether an event restates, where that does not have to be looked for among all of its subject."""
    return True if is_record_event(e.type) else None


@for_all(picks=PICKS)
def test_what_is_kept_takes_in_corrections_of_corrections_and_events_that_come_late(picks: list[tuple[int, int, int]]):
    """Most of them on one stream, with corrections of corrections, amended times, merges taken back, and markings."""
    told: list[Event] = [{**strike("a"), "id": id_of("e0")}]
    for n, (what, pick, day_of) in enumerate(picks, start=1):
        target, called = f"e{pick % n}", f"e{n}"
        tlp = "RED" if day_of == 0 else "CLEAR"
        if what <= 2:
            told.append(retract(target, called, tlp=tlp))
        elif what == 3:
            told.append(amend(target, {"occurred": day(f"2025-11-1{day_of}")}, called, tlp=tlp))
        elif what == 4:
            told.append(about("record.corroborated" if day_of % 2 else "record.disputed", target, called, tlp))
        elif what == 5:
            told.append({**merge("strike:a", "strike:b"), "id": id_of(called)})
        elif what == 6 and pick % 3 == 0:
            told.append({**remark(target, tlp), "id": id_of(called)})
        else:
            facts = {"occurred": day(f"2025-11-1{day_of}"), "tlp": tlp, "id": id_of(called)}
            told.append({**strike("ab"[pick % 4 == 0]), **facts})
    kept_as_folded(given(*told), ways=[(2, 1), (2, 2)])


def kept_as_folded(events: list[Recorded], ways: list[tuple[int, int]]) -> None:
    """What is kept, event by event, is what is folded at one go, whichever way it is kept.

    A way is from how many events on a family is connected, and every how many of them its state is remembered.
    """
    at_one_go, weighed = folded_each(events), [sizes(events[:n]) for n in range(1, len(events) + 1)]
    for many, every in ways:
        families, seen = Families(), dict[str, object]()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(change_module, "MANY", many)
            patch.setattr(connected_module, "EVERY", every)
            for e, stands, weigh in zip(events, at_one_go, weighed, strict=True):
                seen |= taken_in(families, e)
                assert seen == stands, (many, every)
                assert {s: families._of[s].sizes([s])[s] for s in seen} == weigh, (many, every)


STREAMS = [f"strike:{name}" for name in "abcdef"]
ALERTS = [stream.replace("strike", "alert") for stream in STREAMS]
PLACES = [
    None,
    {"name": "Nowhere", "precision": "settlement"},
    {"name": "Odesa", "country": "UA", "precision": "settlement"},
]
STEPS = st.lists(st.tuples(*[st.integers(0, 11)] * 4), max_size=16)


@pytest.mark.parametrize("streams", [STREAMS, ALERTS])
@for_all(steps=STEPS)
def test_merges_make_of_streams_that_were_apart_what_folding_at_one_go_makes(
    streams: list[str], steps: list[tuple[int, int, int, int]]
):
    """Chains of merges, absorbed families, merges that do not fit or are taken back, places, times and markings."""
    told: list[Event] = [{**seen_in(stream, n), "id": id_of(f"e{n}")} for n, stream in enumerate(streams[:4])]
    for n, (what, pick, other, more) in enumerate(steps, start=4):
        target, called, tlp = f"e{pick % n}", f"e{n}", "RED" if more == 0 else "CLEAR"
        one, two, three = (streams[i % 6] for i in (pick, other, more))
        if what <= 4:
            told.append({**merge(one, *dict.fromkeys([two, three]), tlp=tlp), "id": id_of(called)})
        elif what == 5:
            told.append(retract(target, called, tlp=tlp))
        elif what == 6:
            told.append(about("record.corroborated" if more % 2 else "record.disputed", target, called, tlp))
        elif what == 7:
            told.append(amend(target, {"occurred": day(f"2025-11-1{more % 10}")}, called, tlp=tlp))
        else:
            told.append(
                {**seen_in(one, other), "occurred": day(f"2025-11-1{more % 10}"), "tlp": tlp, "id": id_of(called)}
            )
    kept_as_folded(given(*told), ways=[(1, 2), (4, 2)])


def seen_in(stream: str, number: int) -> Event:
    """A report, or for an alert its beginning or its end, of somewhere or nowhere, by one of two who take part."""
    place = PLACES[number % 3]
    kinds = ("alert.declared", "alert.lifted")
    said: Event = (
        event(kinds[number % 2], stream, **({"level": "oblast"} if number % 2 == 0 else {}))
        if stream.startswith("alert")
        else event("strike.reported", stream, means=["drone"], target_class="energy")
    )
    actors = [{"code": ["UKR", "RUS"][number // 3 % 2], "role": "party", "name": f"{number}"}]
    return said | {"actors": actors} | ({"place": place} if place else {})


def sizes(events: list[Recorded]) -> dict[str, tuple[int, int]]:
    return Family(set(), events).sizes([])


def folded_each(events: list[Recorded]) -> list[dict[str, object]]:
    """What each more of the events makes, folded at one go."""
    return [folded(events[:n]) for n in range(1, len(events) + 1)]


def folded(events: list[Recorded]) -> dict[str, object]:
    categories: dict[str, list[Recorded]] = {}
    for e in events:  # merges are within a category
        categories.setdefault(e.category, []).append(e)
    return {s: v for own in categories.values() for s, v in fold_family(own, KYIV).items()}


def test_what_comes_after_all_was_struck_out_is_not_where_that_was():
    odesa = {"name": "Odesa", "country": "UA", "precision": "settlement"}
    events = given(
        {**strike("a"), "id": id_of("e0"), "place": odesa},
        retract("e0"),
        {**strike("a"), "id": id_of("e2"), "occurred": day("2025-11-28")},
    )
    *_, struck_out, last = (change.after[0] for change in Families().changes(events, KYIV))
    assert (struck_out.place.name, last.place) == ("Odesa", None)
    assert folded(events)["strike:a"] == {0: last}


@settings(max_examples=50)
@for_all(log=logs())
def test_what_is_forgotten_between_batches_is_read_again_and_gives_the_same(log: Given):
    kept, forgetful = Families(), Families()
    for n, e in enumerate(log.log):
        if e.stream not in forgetful:
            category = [o for o in log.log[:n] if o.category == e.category]
            histories = {s: [o for o in category if o.stream == s] for s in {o.stream for o in category} | {e.stream}}
            merged = [(o.stream, s) for o in category for s in histories if o.type == "record.merged" and s != o.stream]
            forgetful.take(histories, merged)
        assert list(forgetful.changes([e], KYIV)) == list(kept.changes([e], KYIV))
        forgetful.forget(touched=[], keep=0, weight=0)
        assert e.stream not in forgetful


def test_a_stream_that_a_retracted_merge_named_before_it_began_does_not_grow_into_the_survivor():
    """The door refuses such a merge; the fold has to be right whatever is in the log."""
    events = given(
        strike("a"),
        merge("strike:a", "strike:c", name="merge"),
        retract("merge"),
        strike("a"),
        strike("c"),
        strike("a"),
    )
    families, seen = Families(), dict[str, object]()
    for e in events:
        seen |= {change.stream: change.after for change in families.changes([e], KYIV)}
    assert seen == folded(events)


def strike(name: str) -> Event:
    return event("strike.reported", f"strike:{name}", means=["drone"], target_class="energy")


def test_an_event_that_comes_late_or_speaks_of_a_record_is_not_simply_added():
    """Else the test above would show nothing: both ways must be taken."""
    ways = {"grown": 0, "folded": 0}

    @settings(max_examples=100, database=None, derandomize=True)
    @for_all(log=logs())
    def count(log: Given) -> None:
        grown = None
        for e in log.log:
            grown = grow(grown if grown is not None and grown.subject.stream == e.stream else None, e, KYIV)
            ways["folded" if grown is None else "grown"] += 1

    count()
    assert min(ways.values()) > 20


@pytest.mark.parametrize(
    "said", [retract("later"), amend("later", {"data": {"target_class": "port"}}), remark("later", "RED"),
             about("record.corroborated", "later"), about("record.disputed", "later")],
)  # fmt: skip
def test_what_was_said_of_an_event_before_it_came_counts_when_it_comes(said: Event):
    """The door refuses that, too."""
    named = [
        event("strike.reported", "strike:a", n, means=["drone"], target_class="energy") for n in ("first", "later")
    ]
    events = given(named[0], {**said, "stream": "strike:a"}, named[1])
    families, seen = Families(), dict[str, object]()
    for e in events:
        seen |= {change.stream: change.after for change in families.changes([e], KYIV)}
    assert seen == folded(events)
