"""What the door knows beside the rules: actor codes and places, the registered ones among them."""

from collections.abc import Iterable
from typing import Final

from iso3166 import countries_by_alpha2, countries_by_alpha3

from incidentlog.places import Overlay, Place, PlaceQuery, Resolution, Resolver, bundled
from incidentlog.subjects.actor import RegisteredActor
from incidentlog.subjects.change import Change, seen_at
from incidentlog.subjects.envelope import PlaceRef, ResolvedPlace
from incidentlog.subjects.fold import RED
from incidentlog.subjects.place import RegisteredPlace
from incidentlog.subjects.subject import Subject

ORGANISATIONS: Final = frozenset({"EUU", "UNO", "ICRC", "OSCE", "NATO", "IAEA"})
"""Codes for who is no state (DOMAIN §3)."""


REMEMBERED: Final = 65_536


class Known:
    """Codes and places in use; it learns from the log's own registry events."""

    def __init__(self) -> None:
        self._actors: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._overlay = Overlay()
        self.resolver = Resolver(bundled(), self._overlay)
        self._resolved: dict[PlaceQuery, ResolvedPlace] = {}
        self._revision = self._overlay.revision

    def knows_actor(self, code: str) -> bool:
        """Whether the code is a state's (ISO 3166-1 alpha-3), an organisation's or registered, or a part of one."""
        root = code.partition(".")[0]
        registered = self._actors.values()
        return root in countries_by_alpha3 or root in ORGANISATIONS or root in registered or code in registered

    @staticmethod
    def knows_country(code: str) -> bool:
        """Whether the code is in ISO 3166-1 alpha-2; `XK` is used for Kosovo, as GeoNames does."""
        return code in countries_by_alpha2 or code == "XK"

    def resolve(self, place: PlaceRef, external_ids: Iterable[tuple[str, str]] = ()) -> ResolvedPlace:
        """The place that is meant; raises PlaceError for an id that nobody knows, or lat and lon that are swapped."""
        wanted = PlaceQuery(
            place.name,
            place.precision,
            place.place_id,
            place.country,
            place.admin1,
            place.lat,
            place.lon,
            tuple(external_ids),
        )
        if self._revision != self._overlay.revision or len(self._resolved) >= REMEMBERED:
            self._resolved.clear()
            self._revision = self._overlay.revision
        known = self._resolved.get(wanted)
        if known is None:
            self.resolver.refuse_swapped(wanted)
            known = self._resolved[wanted] = _resolved(self.resolver.resolve(wanted))
        return known

    def learn(self, changes: Iterable[Change]) -> None:
        """Take in what registry events in the log now say."""
        for change in changes:
            self.learn_subject(change.stream, seen_at(change.after, RED))

    def learn_subject(self, stream: str, subject: Subject | None) -> None:
        """Take in one registry subject; others are none of its business."""
        match subject:
            case RegisteredPlace(slug=str(slug)) if subject.is_current:
                self._forget_place(stream)
                self._places[stream] = f"place:{slug}"
                self._add_place(subject)
            case RegisteredPlace():
                self._forget_place(stream)
            case RegisteredActor(code=code):
                self._actors.pop(stream, None)
                if code is not None and subject.is_current:
                    self._actors[stream] = code

    def _forget_place(self, stream: str) -> None:
        if stream in self._places:
            self._overlay.discard(self._places.pop(stream))

    def _add_place(self, place: RegisteredPlace) -> None:
        if place.name is None or place.lat is None or place.lon is None:
            return
        self._overlay.add(
            Place(
                place_id=f"place:{place.slug}",
                name=place.name,
                country=place.country,
                admin1=place.admin1,
                lat=place.lat,
                lon=place.lon,
                population=place.population or 0,
            ),
            place.names,
        )


def _resolved(found: Resolution) -> ResolvedPlace:
    return ResolvedPlace(
        name=found.name,
        place_id=found.place_id,
        country=found.country,
        admin1=found.admin1,
        lat=found.lat,
        lon=found.lon,
        precision=found.precision,
        how=found.how,
    )
