"""Incidents and casualties by place, kind and local day."""

from collections.abc import Iterator, Mapping
from typing import Final

from incidentlog.places import admin1_name, normalise
from incidentlog.projections.shapes import Contribution, Row, Tally, projection
from incidentlog.subjects.alert import Alert
from incidentlog.subjects.attack import Attack
from incidentlog.subjects.envelope import ResolvedPlace
from incidentlog.subjects.incident import Incident
from incidentlog.subjects.strike import Strike
from incidentlog.subjects.subject import Subject
from incidentlog.subjects.values import Buckets, Casualties

FIGURES: Final = ("killed", "injured", "civilians_killed", "children_killed")
ENDS: Final = ("low", "best", "high")
FINE: Final = frozenset({"exact", "settlement"})
"""Precisions that name a settlement; what is coarser goes to its region only."""


@projection("city_incidents", version=1)
class CityIncidents(Tally):
    """Incidents and casualties by place, kind and local day.

    A place is `geonames:<id>`, `place:<slug>` or, where the name is not or not uniquely known, `name:<name>`; a region
    is the country and GeoNames' code, as GeoNames writes it (`UA.17`; not ISO 3166-2, whose numbers differ).
    """

    dimensions = ("place", "admin1", "country", "kind", "day", "week", "month", "side", "verification")
    measures = (
        "incidents",
        "reports",
        "undisclosed",
        *(f"{figure}_{end}" for figure in FIGURES for end in (*ENDS, "told")),
    )
    group_by = ("place",)

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """One incident, with what is known of who was hurt."""
        kind = _kind(subject)
        if kind is None or not subject.is_current or subject.since is None:
            return
        calendar = subject.calendar or Buckets(day=None, week=None, month=None)
        attack = subject if isinstance(subject, Attack) else None
        yield Contribution(
            at=subject.since,
            dimensions={
                **_where(subject.place),
                "kind": kind,
                "day": calendar.day,
                "week": calendar.week,
                "month": calendar.month,
                "side": None if attack is None else attack.attributed_to,
                "verification": subject.verification,
            },
            measures={
                "incidents": 1,
                "reports": 1 if attack is None else attack.reports,
                **({} if attack is None else _hurt(attack.casualties)),
            },
        )

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:  # noqa: ARG002 - the key is shown anyway
        """The counts, and each figure as an estimate: null where nobody told it, since that is not 0."""
        figures = {
            figure: {end: sums[f"{figure}_{end}"] if sums[f"{figure}_told"] else None for end in ENDS}
            for figure in FIGURES
        }
        counts = {name: sums[name] for name in ("incidents", "reports", "undisclosed")}
        return {**counts, **figures}

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """What places and regions are called."""
        place = subject.place
        if _kind(subject) is None or place is None:
            return {}
        where = _where(place)
        region = admin1_name(place.country, place.admin1)
        if where["admin1"] == _by_name(place.name):
            region = place.name
        # A value has a name from its first event on, or never: else an old answer would change when one comes.
        called = {"place": place.name, "admin1": region}
        return {(d, v): name for d, name in called.items() if name is not None and (v := where[d]) is not None}


def _kind(subject: Subject) -> str | None:
    match subject:
        case Strike():
            return "strike"
        case Alert():
            return "alert"
        case Incident(kind=kind):
            return kind
        case _:
            return None


def _where(place: ResolvedPlace | None) -> dict[str, str | None]:
    """The place, its region and its country, as far as they are known."""
    if place is None:
        return {"place": None, "admin1": None, "country": None}
    region = f"{place.country}.{place.admin1}" if place.country and place.admin1 else None
    if region is None and place.precision == "admin1":
        region = _by_name(place.name)
    settlement = (place.place_id or _by_name(place.name)) if place.precision in FINE else None
    return {"place": settlement, "admin1": region, "country": place.country}


def _by_name(name: str) -> str:
    return f"name:{normalise(name) or name.casefold()}"


def _hurt(casualties: Casualties) -> dict[str, int]:
    """Each figure's low, best and high, and whether it was told at all."""
    measures: dict[str, int] = {}
    for figure in FIGURES:
        estimate = getattr(casualties, figure)
        spread = None if estimate is None else estimate.spread()
        if spread is not None:
            measures |= {f"{figure}_{end}": n for end, n in zip(ENDS, spread, strict=True)}
            measures[f"{figure}_told"] = 1
    return measures or {"undisclosed": 1}
