"""Places that users add to the gazetteer."""

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Count, Word, Words
from incidentlog.folding.subject import Subject

PlaceSlug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,120}$")]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


@event("place.registered", sourced=False)
class PlaceRegistered(EventData):
    """A place that the gazetteer lacks; it is referred to as `place:<slug>`."""

    slug: PlaceSlug
    name: Word
    names: Words | None = None
    """Other spellings."""
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """ISO 3166-1 alpha-2, as a code only."""
    admin1: Word | None = None
    lat: Latitude
    lon: Longitude
    population: Count | None = None


class RegisteredPlace(Subject, category="place"):
    """One place, as registered last."""

    listed = True

    slug: str | None = None
    name: str | None = None
    names: tuple[str, ...] = ()
    country: str | None = None
    admin1: str | None = None
    lat: float | None = None
    lon: float | None = None
    population: int | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a registration."""
        match event.data:
            case PlaceRegistered() as said:
                return self.learn(event, **said.model_dump())
            case _:
                return self
