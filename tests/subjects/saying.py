"""Events of every family of subjects, for histories of every kind (Hypothesis)."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from incidentlog.events.registry import ALWAYS_CLEAR
from tests.subjects.given import KYIV, Event, amend, event, id_of, merge, retract

NAMES = st.sampled_from("ab")
CODES = st.sampled_from(["UKR", "RUS", "USA"])
FEW = st.integers(0, 3)
ROLES = st.sampled_from(["party", "mediator", "host"])
ACTORS = st.lists(st.builds(lambda code, role: {"code": code, "role": role}, CODES, ROLES), max_size=3)
DATES = st.integers(1, 28).map(lambda n: f"2025-05-{n:02}")
OCCURRED = st.one_of(
    st.builds(lambda d, tz: {"start": d, "precision": "day", "tz": tz}, DATES, st.sampled_from([KYIV, "America/New_York"])),
    st.builds(lambda d, n: {"start": d, "end": f"2025-05-{int(d[-2:]) + n:02}", "precision": "day", "tz": KYIV}, DATES, FEW),
    DATES.map(lambda d: {"start": f"{d}T22:30:00Z", "precision": "minute", "tz": KYIV}),
    DATES.map(lambda d: {"start": d, "precision": "month", "tz": KYIV}),
)  # fmt: skip
IMPLEMENTS = st.sampled_from([[], [{"rel": "implements", "target": "commitment:a"}], [
    {"rel": "implements", "target": "commitment:b"}, {"rel": "implements", "target": "an event"}]])  # fmt: skip
PLACES = st.sampled_from([
    None, None,
    {"name": "Odesa", "country": "UA", "precision": "settlement"},
    {"name": "Одесса", "country": "UA", "precision": "settlement"},
    {"name": "Nowhere", "precision": "settlement"},
    {"name": "Moscow region", "country": "RU", "admin1": "48", "precision": "admin1"},
])  # fmt: skip
TOTALS = st.none() | st.integers(0, 9)


TYPES: set[str] = set()
"""The types that are said."""


def data(name: str, /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Event]]:
    """An event of a type, with some of its fields told."""
    TYPES.add(name)
    told = st.fixed_dictionaries(fields)
    return told.map(lambda values: (name, {k.rstrip("_"): v for k, v in values.items() if v is not ...}))


def maybe(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(...), value)


SIDES = st.dictionaries(st.sampled_from(["UKR", "RUS"]), st.builds(lambda n: {"total": n}, TOTALS), min_size=1)
BY_MEANS = st.dictionaries(st.sampled_from(["drone", "missile"]), st.builds(lambda n: {"best": n}, st.integers(5, 9)))
DEAD = st.builds(lambda n: {"killed": {"best": n}}, st.integers(0, 9))
TO_DEFEND: dict[str, st.SearchStrategy[Any]] = {"provider": CODES, "recipient": CODES, "kind": st.just(["military"])}
SAID = st.one_of(
    data("talk.proposed", track=st.sampled_from(["t", "u"])),
    data("talk.cancelled", by=CODES),
    data("talk.suspended"),
    data("talk.held", track=st.sampled_from(["t", "u"]), format=st.sampled_from(["bilateral", "proximity"]),
         level=st.just("delegation"), direct_ua_ru=st.just(False), outcome=st.just("none")),
    data("contact.held", mode=st.sampled_from(["visit", "message"])),
    data("exchange.agreed", formula=st.sampled_from(["all", "1|1"]),
         target=maybe(st.builds(lambda n: {"UKR": n}, TOTALS))),
    data("exchange.stage_completed", stage=st.integers(1, 2), released=SIDES),
    data("exchange.completed", released=SIDES),
    data("exchange.completed", released_total=st.just({"UKR": 3})),
    data("remains.repatriated", to=st.just("UKR"), count=TOTALS, to_counterparty=maybe(st.just({"RUS": 2}))),
    data("children.returned", to=st.just("UKR"), count=TOTALS),
    data("detainees.released", to=st.just("RUS"), count=TOTALS),
    data("commitment.made", obligor=CODES, beneficiary=maybe(CODES), kind=st.just("goal"), text=st.just("text"),
         due=maybe(DATES), target_value=maybe(st.integers(0, 9))),
    data("commitment.progressed", value=maybe(FEW), level=st.sampled_from(["minimum", "complete"])),
    data("commitment.rescheduled", new_due=DATES),
    data("commitment.fulfilled"),
    data("commitment.breached", claimed_by=CODES),
    data("strike.reported", means=st.lists(st.sampled_from(["drone", "missile"]), max_size=2),
         target_class=st.just("port"), launched=maybe(BY_MEANS), intercepted=maybe(BY_MEANS), casualties=maybe(DEAD)),
    data("strike.assessed", as_of=DATES, casualties=maybe(DEAD)),
    data("incident.reported", kind=st.sampled_from(["clash", "mine"]), casualties=maybe(DEAD)),
    data("alert.declared", level=st.just("oblast")),
    data("alert.lifted"),
    data("proposal.tabled", by=CODES),
    data("proposal.responded", responder=CODES, response=st.sampled_from(["accepted", "rejected"])),
    data("statement.made", speaker=CODES, stance=st.sampled_from(["threat", "hope"]), topic=st.just("topic")),
    data("ceasefire.declared", scope=st.just(["local"]), effective_from=DATES),
    data("ceasefire.responded", party=CODES, response=st.sampled_from(["accepted", "rejected"])),
    data("ceasefire.position_stated", party=CODES, stated_status=st.sampled_from(["kept", "over"])),
    data("ceasefire.suspended"),
    data("ceasefire.terminated", mode=st.sampled_from(["mutual", "collapsed"])),
    data("violation.reported", ceasefires=st.sampled_from([["ceasefire:a"], ["ceasefire:b"], ["ceasefire:a", "ceasefire:b"]]),
         accused=st.sampled_from([["RUS"], ["UKR"]]), claimed_by=CODES, severity=st.sampled_from(["minor", "grave"]),
         count=maybe(FEW)),
    data("agreement.reached", form=st.sampled_from(["signed", "verbal"]), scope=st.just(["local"])),
    data("agreement.extended", until=DATES),
    data("assistance.pledged", **TO_DEFEND),
    data("assistance.delivered", **TO_DEFEND),
    data("sanction.imposed", imposer=CODES),
    data("displacement.reported", idps=st.integers(0, 9)),
    data("toll.reported", as_of=DATES, counts=st.dictionaries(NAMES, st.builds(lambda n: {"best": n}, FEW), min_size=1)),
    data("aggregate.reported", kind=NAMES, count=st.builds(lambda n: {"best": n}, FEW),
         period=st.just({"from": "2025-12-01", "to": "2026-01-01"})),
    data("sentiment.reported", pollster=st.just("kiis"), n=st.just(1000), results=st.just({"yes": 50})),
    data("corridor.opened"),
    data("corridor.closed"),
    data("policy.changed", policy=st.just("compliance"),
         values=st.dictionaries(st.sampled_from(["window_hours", "breaking_down_count", "suspected_after_hours"]),
                                st.integers(0, 200), min_size=1)),
    data("policy.changed", policy=st.just("commitments"), values=st.builds(lambda n: {"at_risk_days": n}, FEW)),
    data("place.registered", slug=NAMES, name=st.just("Mayaky"), lat=st.just(46.4), lon=st.just(30.3)),
    data("actor.registered", code=st.sampled_from(["SES", "SBU"]), name=st.just("Somebody")),
    data("source.graded", old=st.none(), new=st.sampled_from("ABC")),
    data("audit.exported", to_position=st.integers(1, 9)),
    data("import.begun", files=st.just([{"name": "a.csv"}]), undoes=st.integers(1, 9)),
    data("import.ended", rows=st.integers(0, 9), appended=st.integers(0, 9)),
)  # fmt: skip
CATEGORIES = st.sampled_from([name.partition(".")[0] for name in sorted(TYPES)])
"""Of a type that is said."""
EVENTS = st.builds(
    lambda said, name, occurred, actors, links, sure, place: event(
        said[0], f"{said[0].partition('.')[0]}:{name}", occurred=occurred, actors=actors, links=links,
        verification=sure, data=said[1], **({"place": place} if place else {}),
    ),
    SAID, NAMES, OCCURRED, ACTORS, IMPLEMENTS, st.sampled_from(["unverified", "verified", "refuted"]), PLACES,
)  # fmt: skip
PATCHES = st.sampled_from([
    {"occurred": {"start": "2025-05-20"}},
    {"actors": None},
    {"place": None},
    {"data": {"to": "RUS"}},
    {"data": {"count": 7}},
    {"data": {"casualties": {"killed": {"best": None}}}},
    {"data": {"effective_from": "2025-05-03", "effective_until": "2025-05-21"}},
    {"data": {"values": {"window_hours": 24}}},
])  # fmt: skip
"""Some fit what they are said of, and some do not: that is then listed, and changes nothing."""


MARKS = st.sampled_from(["CLEAR", "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED", "RED"])


def marked(
    draw: st.DrawFn,
    patches: st.SearchStrategy[Event] = PATCHES,
    changed: Callable[[Event], Event] = lambda said: said,
) -> list[Event]:
    """A few events with markings, and what is said of them under others; `changed` is what becomes of a report."""
    events: list[Event] = []
    for n in range(draw(st.integers(1, 12))):
        what, mark = draw(st.integers(0, 7)) if events else 9, draw(MARKS)
        target = f"e{draw(st.integers(0, max(0, n - 1)))}"
        if what == 0:
            said = retract(target)
        elif what == 1:
            category = draw(CATEGORIES)
            said = merge(f"{category}:a", f"{category}:b")
        elif what == 2:
            said = amend(target, draw(patches))
        else:
            said = changed(draw(EVENTS))
        category = said.get("stream", "").partition(":")[0]
        events.append({**said, "id": id_of(f"e{n}"), "tlp": "CLEAR" if category in ALWAYS_CLEAR else mark})
    return events
