"""Which subjects may be one thing told twice (docs/corrections.md, The rules, R6)."""

from typing import Any

import pytest

from incidentlog.folding.subject import Subject
from incidentlog.projections.candidates import around, candidates
from tests.subjects.given import Event, day, event, fold, minute, retract

ODESA = {"name": "Odesa", "place_id": "geonames:698740", "country": "UA", "precision": "settlement",
         "lat": 46.48, "lon": 30.73}  # fmt: skip
USATOVE = {"name": "Usatove", "place_id": "geonames:690152", "country": "UA", "precision": "settlement",
           "lat": 46.53, "lon": 30.66}  # fmt: skip
MYKOLAIV = {"name": "Mykolaiv", "place_id": "geonames:700569", "country": "UA", "precision": "settlement",
            "lat": 46.97, "lon": 32.0}  # fmt: skip
NIGHT = minute("2025-12-19T23:30:00+02:00")


def strike(name: str, place: Event | None = ODESA, occurred: Event = NIGHT, side: str | None = "RUS") -> Event:
    where: dict[str, Any] = {} if place is None else {"place": place}
    data: dict[str, Any] = {"means": ["drone"], "target_class": "civilian"} | ({"attributed_to": side} if side else {})
    return event("strike.reported", f"strike:{name}", name, occurred=occurred, **where, data=data)


def of_first(*events: Event) -> list[tuple[str, str]]:
    """What is suggested for the first event's subject, and where it is."""
    found = {stream: variants[max(variants)] for stream, variants in fold(*events).items()}
    subjects = [s for s in found.values() if isinstance(s, Subject)]
    (one,) = (s for s in subjects if s.stream == events[0]["stream"])
    return [(c.stream, c.where) for c in candidates(one, subjects)]


FIRST = strike("first")


@pytest.mark.parametrize(
    ("other", "where"),
    [
        (strike("b"), "same_place"),
        (strike("b", USATOVE), "near"),
        (strike("b", occurred=day("2025-12-20")), "same_place"),
        (strike("b", occurred=minute("2025-12-20T23:29:00+02:00")), "same_place"),
        (strike("b", side=None), "same_place"),
        (strike("b", {**ODESA, "name": "Odessa"}), "same_place"),
    ],
    ids=["the same told again", "a suburb", "the day after", "within 24 hours", "attributed to nobody", "by its id"],
)
def test_what_is_alike_is_suggested(other: Event, where: str):
    assert of_first(FIRST, other) == [("strike:b", where)]


@pytest.mark.parametrize(
    "other",
    [
        strike("b", MYKOLAIV),
        strike("b", occurred=minute("2025-12-20T23:31:00+02:00")),
        strike("b", occurred=day("2025-12-17")),
        strike("b", side="UKR"),
        strike("b", None),
        strike("b", {**USATOVE, "precision": "admin1", "place_id": "geonames:1"}),
        event("incident.reported", "incident:b", occurred=NIGHT, place=ODESA, kind="shelling"),
    ],
    ids=["far away", "a day later", "days before", "another side", "nowhere", "a region", "another category"],
)
def test_what_is_not_alike_is_not(other: Event):
    assert of_first(FIRST, other) == []


def test_what_was_retracted_is_not_suggested_and_gets_no_suggestions():
    assert of_first(FIRST, strike("b"), retract("b")) == []
    assert of_first(FIRST, strike("b"), retract("first")) == []


def test_the_nearest_come_first():
    night_after = strike("c", occurred=day("2025-12-20"))
    assert [stream for stream, _ in of_first(FIRST, night_after, strike("near", USATOVE), strike("same"))] == [
        "strike:same", "strike:near", "strike:c",
    ]  # fmt: skip


def test_unresolved_names_are_alike_when_they_are_the_same():
    nowhere = {"name": "Vyhadane", "country": "UA", "precision": "settlement"}
    assert of_first(strike("first", nowhere), strike("b", nowhere)) == [("strike:b", "same_place")]
    assert of_first(strike("first", nowhere), strike("b", {**nowhere, "name": "Inshe"})) == []


def test_whatever_is_suggested_lies_in_the_window_in_which_it_is_looked_for():
    month = {"start": "2025-12-01", "precision": "month", "tz": "Europe/Kyiv"}
    subjects = {s: v[max(v)] for s, v in fold(FIRST, strike("b", occurred=month)).items()}
    one, other = subjects["strike:first"], subjects["strike:b"]
    assert isinstance(one, Subject)
    assert isinstance(other, Subject)
    assert [c.stream for c in candidates(one, [other])] == ["strike:b"]
    when = around(one)
    assert when is not None
    assert other.since is not None
    assert when.earliest <= other.since < when.until


def reach(one: Event, other: Event) -> tuple[bool, bool]:
    """Whether each is found among those looked at for the other, and is suggested."""
    found = {s: v[max(v)] for s, v in fold(one, other).items()}
    a, b = (found[e["stream"]] for e in (one, other))
    assert isinstance(a, Subject)
    assert isinstance(b, Subject)
    return is_found(a, b), is_found(b, a)


def is_found(one: Subject, other: Subject) -> bool:
    when = around(one)
    assert when is not None
    assert other.since is not None
    return when.earliest <= other.since < when.until and [c.stream for c in candidates(one, [other])] == [other.stream]


UNKNOWN = {"name": "Nova Odesa-2", "precision": "settlement", "country": "UA"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (strike("a", occurred=day("2025-11-19")), strike("b", occurred=day("2025-11-21"))),
        (
            strike("a", occurred=day("2025-11-02")),
            strike("b", occurred={"start": "2025-10-01", "precision": "month", "tz": "Europe/Kyiv"}),
        ),
        (strike("a", UNKNOWN), strike("b", {**UNKNOWN, "name": "nova odesa-2"})),
        (strike("a", side="RUS"), strike("b", side="RUS.AIRFORCE")),
    ],
    ids=["24 hours to the second", "the longest month", "one name in two cases", "a part of one side"],
)
def test_what_is_suggested_for_one_is_suggested_for_the_other(one: Event, other: Event):
    assert reach(one, other) == (True, True)


def test_fifteen_kilometres_are_not_rounded():
    far = {**ODESA, "place_id": "geonames:1", "name": "Far", "lat": 46.48 + 15.04 / 111.195}
    assert of_first(strike("a"), strike("b", far)) == []


def test_an_alert_lasts_until_it_is_lifted():
    def alert(name: str, *ats: str) -> list[Event]:
        declared, lifted = (minute(at) for at in ats)
        return [
            event("alert.declared", f"alert:{name}", occurred=declared, place=ODESA, level="oblast"),
            event("alert.lifted", f"alert:{name}", occurred=lifted, place=ODESA),
        ]

    long = alert("a", "2025-11-01T10:00:00+02:00", "2025-11-04T10:00:00+02:00")
    within = alert("b", "2025-11-03T12:00:00+02:00", "2025-11-03T13:00:00+02:00")
    assert of_first(*long, *within) == [("alert:b", "same_place")]
    assert of_first(*within, *long) == [("alert:a", "same_place")]
