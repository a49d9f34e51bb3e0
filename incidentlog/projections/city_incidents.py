"""Incidents and casualties by place, kind and local day."""

from collections.abc import Iterator, Mapping
from typing import Final, get_args

from incidentlog.events.values import Buckets, Casualties
from incidentlog.folding.domains import ACTOR, one_of
from incidentlog.folding.shapes import Contribution, Row, Tally, projection
from incidentlog.folding.subject import Subject
from incidentlog.folding.whereabouts import WHERE, place_names, unit_names, whereabouts
from incidentlog.subjects.alert import Alert
from incidentlog.subjects.attack import Attack
from incidentlog.subjects.incident import Incident, Kind
from incidentlog.subjects.strike import Strike

FIGURES: Final = ("killed", "injured", "civilians_killed", "children_killed")
ENDS: Final = ("low", "best", "high")


@projection("city_incidents", version=5)
class CityIncidents(Tally):
    """Incidents and casualties by place, kind and local day.

    `windows` are those of them of which only a window of several days is known, and how many were killed in these: by
    day, week and month they are counted where all of the window lies, and under no day otherwise.
    """

    categories = frozenset({"strike", "incident", "alert"})
    dimensions = (*WHERE, "admin2", "admin3", "kind", "day", "week", "month", "side", "verification", "conflict")
    domains = {"kind": one_of(lambda: ("strike", "alert", *get_args(Kind))), "side": ACTOR}
    measures = (
        "incidents",
        "parts",
        "reports",
        "undisclosed",
        "windows",
        "windows_killed",
        "windows_killed_told",
        *(f"{figure}_{end}" for figure in FIGURES for end in (*ENDS, "told")),
    )
    group_by = ("place",)
    rollups = (
        ("place",),
        ("admin1", "country", "kind", "side", "verification"),
        ("place", "admin1", "country", "kind", "side", "verification"),
        ("day", "week", "month", "kind"),
    )

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """One incident, with what is known of who was hurt; or a part of one that is counted as a whole elsewhere."""
        kind = _kind(subject)
        if kind is None or not subject.is_current or subject.since is None:
            return
        calendar = subject.calendar or Buckets(day=None, week=None, month=None)
        attack = subject if isinstance(subject, Attack) else None
        hurt = {} if attack is None else _hurt(attack.casualties)
        yield Contribution(
            at=subject.since,
            dimensions={
                **whereabouts(subject.place),
                "admin2": None if subject.place is None else subject.place.admin2,
                "admin3": None if subject.place is None else subject.place.admin3,
                "kind": kind,
                "day": calendar.day,
                "week": calendar.week,
                "month": calendar.month,
                "side": None if attack is None else attack.attributed_to,
                "verification": subject.verification,
                "conflict": subject.conflict,
            },
            measures={
                "parts" if _is_part(subject) else "incidents": 1,
                "reports": 1 if attack is None else attack.reports,
                **hurt,
                **({} if calendar.day is not None or _is_part(subject) else _in_window(hurt)),
            },
        )

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:  # noqa: ARG002 - the key is shown anyway
        """The counts, and each figure as an estimate: null where nobody told it, since that is not 0."""
        figures = {
            figure: {end: sums[f"{figure}_{end}"] if sums[f"{figure}_told"] else None for end in ENDS}
            for figure in FIGURES
        }
        counts = {name: sums[name] for name in ("incidents", "parts", "reports", "undisclosed")}
        told = bool(sums["windows_killed_told"])
        windows = {"incidents": sums["windows"], "killed": sums["windows_killed"] if told else None}
        return {**counts, **figures, "windows": windows}

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """What places, regions, raions and hromadas are called."""
        return {} if _kind(subject) is None else {**place_names(subject.place), **unit_names(subject.place)}


def _is_part(subject: Subject) -> bool:
    """Whether it is an alert within a wider one, such as a raion's while its whole oblast has one."""
    within = f"{Alert.category}:"
    return isinstance(subject, Alert) and any(
        link.rel == "part_of" and link.target.startswith(within) for link in subject.links
    )


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


def _in_window(hurt: Mapping[str, int]) -> dict[str, int]:
    """One whose day is not known, and its best figure of those killed."""
    if "killed_told" not in hurt:
        return {"windows": 1}
    return {"windows": 1, "windows_killed": hurt["killed_best"], "windows_killed_told": 1}


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
