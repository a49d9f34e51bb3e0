"""Incidents and casualties by place, kind and local day."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final, get_args

from incidentlog.events.values import Casualties, Estimate
from incidentlog.folding.domains import ACTOR, one_of
from incidentlog.folding.shapes import Amounts, Contribution, Row, Tally, projection
from incidentlog.folding.subject import Subject
from incidentlog.folding.whereabouts import WHERE, names_with_units, whereabouts
from incidentlog.subjects.alert import Alert
from incidentlog.subjects.attack import Attack
from incidentlog.subjects.incident import Incident, Kind
from incidentlog.subjects.strike import Strike

FIGURES: Final = ("killed", "injured", "civilians_killed", "children_killed")
ENDS: Final = ("low", "best", "high")
SUMS: Final = [(figure, *(f"{figure}_{end}" for end in (*ENDS, "told"))) for figure in FIGURES]
"""Each figure, and what its ends, and how often it was told, are called among the measures."""
NOT_TOLD: Final = dict.fromkeys(ENDS)


@projection("city_incidents", version=6)
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
        *(f"{figure}_{end}" for figure in FIGURES for end in (*ENDS, "told")),
        "windows",
        "windows_killed",
        "windows_killed_told",
    )
    group_by = ("place",)
    rollups = (
        ("place",),
        ("admin1", "country", "kind", "side", "verification"),
        ("place", "admin1", "country", "kind", "side", "verification"),
        ("day", "week", "month", "kind"),
        ("month", "admin1", "country", "kind", "side", "verification", "conflict"),
        ("day", "week", "month", "admin1", "country", "kind"),
        ("place", "month", "kind"),
        ("place", "admin1", "country", "day", "week", "month", "kind"),
    )

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """One incident, with what is known of who was hurt; or a part of one that is counted as a whole elsewhere."""
        kind = _kind(subject)
        if kind is None or not subject.is_current or subject.since is None:
            return
        place, attack = subject.place, subject if isinstance(subject, Attack) else None
        units = (None, None) if place is None else (place.admin2, place.admin3)
        side, reports = (None, 1) if attack is None else (attack.attributed_to, attack.reports)
        counted = (0, 1, reports) if _is_part(subject) else (1, 0, reports)
        hurt = NOBODY_ASKED if attack is None else _hurt(attack.casualties)
        days = subject.days
        yield Contribution(
            subject.since,
            (*whereabouts(place), *units, kind, *days, side, subject.verification, subject.conflict),
            (*counted, *hurt, *(NO_WINDOW if days[0] is not None or not counted[0] else _in_window(hurt))),
        )

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:  # noqa: ARG002 - the key is shown anyway
        """The counts, and each figure as an estimate: null where nobody told it, since that is not 0."""
        figures = {
            figure: {"low": sums[low], "best": sums[best], "high": sums[high]} if sums[told] else {**NOT_TOLD}
            for figure, low, best, high, told in SUMS
        }
        counts = {name: sums[name] for name in ("incidents", "parts", "reports", "undisclosed")}
        told = bool(sums["windows_killed_told"])
        windows = {"incidents": sums["windows"], "killed": sums["windows_killed"] if told else None}
        return {**counts, **figures, "windows": windows}

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """What places, regions, raions and hromadas are called."""
        return {} if _kind(subject) is None else names_with_units(subject.place)


def _is_part(subject: Subject) -> bool:
    """Whether it is an alert within a wider one, such as a raion's while its whole oblast has one."""
    if not subject.links or not isinstance(subject, Alert):
        return False
    within = f"{Alert.category}:"
    return any(link.rel == "part_of" and link.target.startswith(within) for link in subject.links)


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


UNTOLD: Final = (0, 0, 0, 0)
NOBODY_ASKED: Final = (0, *UNTOLD * len(FIGURES))
"""The amounts, from `undisclosed` on, of what has no casualties."""
NO_WINDOW: Final = (0, 0, 0)


def _in_window(hurt: Amounts) -> Amounts:
    """One whose day is not known, and its best figure of those killed; `hurt` are the amounts from `undisclosed` on."""
    _, _, killed, _, told, *_ = hurt
    return 1, killed, told


def _hurt(casualties: Casualties) -> Amounts:
    """Whether nothing was disclosed; then each figure's low, best and high, and whether it was told at all."""
    figures = (casualties.killed, casualties.injured, casualties.civilians_killed, casualties.children_killed)
    told = [_told(figure) for figure in figures]
    return (int(told.count(UNTOLD) == len(told)), *chain.from_iterable(told))


def _told(figure: Estimate | None) -> Amounts:
    spread = None if figure is None else figure.spread()
    return UNTOLD if spread is None else (*spread, 1)
