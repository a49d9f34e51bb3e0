"""What the door knows beside the rules: actor codes and places, the registered ones among them."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from iso3166 import countries_by_alpha2, countries_by_alpha3

from incidentlog.errors import Fault
from incidentlog.events.envelope import PlaceRef, ResolvedPlace
from incidentlog.folding.change import Change, seen_at
from incidentlog.folding.fold import CLEAR
from incidentlog.folding.subject import Subject
from incidentlog.places import NEAR_KM, OF_PLACES, Overlay, Place, PlaceQuery, Resolution, Resolver, bundled, region_key
from incidentlog.recent import Recent
from incidentlog.subjects.actor import RegisteredActor
from incidentlog.subjects.place import RegisteredPlace

ORGANISATIONS: Final = frozenset({"EUU", "UNO", "ICRC", "OSCE", "NATO", "IAEA"})
"""Codes for who is no state (docs/events.md, The envelope)."""


REMEMBERED: Final = 4_096
"""How many places are kept as they were resolved: two kilobytes each. In a file whose rows have points of their own
none comes again, and of others these are nearly all."""


class Placed(NamedTuple):
    """What a reported place was taken for, to be kept with its event, and what its reporter should hear of that."""

    place: ResolvedPlace
    warnings: tuple[Fault, ...]


class Known:
    """Codes and places in use; it learns from the log's own registry events."""

    def __init__(self) -> None:
        self._actors = _Claims()
        self._places = _Claims()
        self._registered: dict[str, RegisteredPlace] = {}
        """By the stream."""
        self._overlay = Overlay()
        self.resolver = Resolver(bundled(), self._overlay)
        self._resolved = Recent[PlaceQuery, Placed](REMEMBERED)
        self._revision = self._overlay.revision

    def knows_actor(self, code: str) -> bool:
        """Whether the code is a state's (ISO 3166-1 alpha-3), an organisation's or registered, or a part of one."""
        root = code.partition(".")[0]
        return knows_of_old(root) or root in self._actors or code in self._actors

    def owner_of_actor(self, code: str) -> str | None:
        """The stream on which a code was registered; None where it is free."""
        return self._actors.owner(code)

    def owner_of_place(self, slug: str) -> str | None:
        """The stream on which a slug was registered; None where it is free."""
        return self._places.owner(slug)

    @staticmethod
    def knows_country(code: str) -> bool:
        """Whether the code is in ISO 3166-1 alpha-2; `XK` is used for Kosovo, as GeoNames does."""
        return code in countries_by_alpha2 or code == "XK"

    def resolve(self, place: PlaceRef, external_ids: Iterable[tuple[str, str]] = (), *, year: int) -> Placed:
        """The place that is meant by what was there in a year.

        Raises PlaceError for an id that nobody knows, or lat and lon that are swapped.
        """
        wanted = PlaceQuery(
            place.name,
            place.precision,
            place.place_id,
            place.country,
            place.admin1,
            place.lat,
            place.lon,
            tuple(each for each in external_ids if each[0] in OF_PLACES),
            place.admin2,
            place.admin3,
            year,
        )
        if self._revision != self._overlay.revision:
            self._resolved, self._revision = Recent(REMEMBERED), self._overlay.revision
        known = self._resolved.get(wanted)
        if known is None:
            self.resolver.refuse_swapped(wanted)
            known = self._resolved.put(wanted, _placed(wanted, self.resolver.resolve(wanted)))
        return known

    def learn(self, changes: Iterable[Change]) -> None:
        """Take in what registry events in the log now say."""
        for change in changes:
            self._learn(change.stream, seen_at(change.after, CLEAR), change.position)

    def _learn(self, stream: str, subject: Subject | None, position: int) -> None:
        """Take in one registry subject as of a position; others are none of its business.

        A slug, and a code, belong to the stream that was the first to register them, for as long as it does: what
        others say of them counts for nothing meanwhile.
        """
        match subject:
            case RegisteredPlace(slug=slug):
                self._registered[stream] = subject
                for each in self._places.claim(stream, slug if subject.is_current else None, position):
                    self._show_place(each)
            case RegisteredActor(code=code):
                self._actors.claim(stream, code if subject.is_current else None, position)

    def _show_place(self, slug: str) -> None:
        """Let a slug be what its owner says."""
        owner = self._places.owner(slug)
        place = None if owner is None else self._registered[owner]
        if place is None or place.name is None or place.lat is None or place.lon is None:
            self._overlay.discard(f"place:{slug}")
            return
        # Without its population: whoever registers a place claims it, and by it one name is taken before another.
        self._overlay.add(
            Place(f"place:{slug}", place.name, place.country, place.admin1, place.lat, place.lon), place.names
        )


def knows_of_old(code: str) -> bool:
    """Whether a code is a state's or an organisation's, and so not to be registered."""
    return code in countries_by_alpha3 or code in ORGANISATIONS


class _Claims:
    """Which stream names what, and whose a name is: the stream's that has named it for longest.

    That goes by positions, so that the log may be told again from its beginning.
    """

    def __init__(self) -> None:
        self._named: dict[str, str] = {}
        self._since: dict[str, dict[str, int]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._since

    def owner(self, name: str) -> str | None:
        """The stream whose the name is."""
        since = self._since.get(name)
        return None if since is None else min(since, key=since.__getitem__)

    def claim(self, stream: str, name: str | None, position: int) -> list[str]:
        """From a position on a stream names this, and nothing else; answers the names of which something may be new."""
        before = self._named.pop(stream, None)
        if before is not None and before != name:
            del self._since[before][stream]
            if not self._since[before]:
                del self._since[before]
        if name is not None:
            self._named[stream] = name
            self._since.setdefault(name, {}).setdefault(stream, position)
        return [each for each in dict.fromkeys((before, name)) if each is not None]


def _placed(query: PlaceQuery, found: Resolution) -> Placed:
    return Placed(_resolved(found), tuple(_warnings(query, found)))


_LEVELS: Final = {"admin1": "a region", "admin2": "a raion", "admin3": "a hromada"}


def _warnings(query: PlaceQuery, found: Resolution) -> Iterator[Fault]:
    for name in found.unread:
        told = getattr(query, name)
        detail = f"'{told}' is not known as {_LEVELS[name]}: the place is sought without it"
        yield Fault(f"/place/{name}", "not_understood", detail)
    if found.how == "conflict":
        where = region_key(found.country, found.admin1) or "no region, as none is known there"
        known = ", ".join(place.place_id for place in found.candidates) or "its region"
        yield Fault("/place", "conflict", f"the point is over {NEAR_KM:.0f} km from {known}: counted in {where}")


def _resolved(found: Resolution) -> ResolvedPlace:
    return ResolvedPlace(
        name=found.name,
        place_id=found.place_id,
        country=found.country,
        admin1=found.admin1,
        admin2=found.admin2,
        admin3=found.admin3,
        lat=found.lat,
        lon=found.lon,
        precision=found.precision,
        how=found.how,
        key=found.key,
        nearest=found.nearest,
        distance_km=found.distance_km,
    )
