"""Which events there are: found by their module, each with a version and a way up from the older ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

from incidentlog.events.envelope import Envelope, EventData

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

ALWAYS_CLEAR: Final = frozenset({"place", "actor", "source", "policy"})
"""Categories on whose streams nothing carries another marking: everybody's answers depend on them (docs/access.md)."""


@dataclass(frozen=True)
class EventType:
    """One registered pair of type and schema version."""

    name: str
    version: int
    model: type[EventData]
    categories: tuple[str, ...]
    """The stream categories it may stand on; empty: any (events about a record)."""
    sourced: bool
    """Whether it needs a source: everything but what is said about the log itself."""

    @cached_property
    def envelope(self) -> type[Envelope[EventData]]:
        """The envelope with this type's `data`."""
        return Envelope[self.model]  # type: ignore[name-defined]


@dataclass
class Registry:
    """The event types in use, and the upcasters between their versions."""

    types: dict[tuple[str, int], EventType] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    upcasters: dict[tuple[str, int], Upcaster] = field(default_factory=dict)

    def add(self, event_type: EventType) -> None:
        """Register a type; a pair may be registered once."""
        key = (event_type.name, event_type.version)
        if key in self.types:
            raise ValueError(f"{event_type.name} version {event_type.version} is registered twice")
        self.types[key] = event_type
        self.newest[event_type.name] = max(event_type.version, self.newest.get(event_type.name, 0))

    def find(self, name: str, version: int | None = None) -> EventType | None:
        """The type, in its newest version unless one is named; None when there is no such pair."""
        return self.types.get((name, self.newest.get(name, 0) if version is None else version))

    def lift(self, name: str, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """An old event's data in the newest version's shape; stored bytes are never rewritten."""
        for step in range(version, self.newest[name]):
            data = self.upcasters[name, step](data)
        return data

    @property
    def by_model(self) -> Mapping[type[EventData], EventType]:
        """The type of each model."""
        return {t.model: t for t in self.types.values()}


EVENTS: Final = Registry()
"""Every event type of this build."""


M = TypeVar("M", bound=EventData)


def event(
    name: str,
    *,
    version: int = 1,
    on: tuple[str, ...] | None = None,
    sourced: bool = True,
    registry: Registry = EVENTS,
) -> Callable[[type[M]], type[M]]:
    """Register a model as the `data` of an event type.

    `on` names the stream categories it may stand on; the default is the type's first segment, `()` is any.
    """

    def register(model: type[M]) -> type[M]:
        categories = (name.split(".", 1)[0],) if on is None else on
        model.sourced = sourced
        registry.add(EventType(name, version, model, categories, sourced))
        return model

    return register


def upcaster(name: str, *, version: int, registry: Registry = EVENTS) -> Callable[[Upcaster], Upcaster]:
    """Register how `data` of a version becomes the next one's."""

    def register(lift: Upcaster) -> Upcaster:
        registry.upcasters[name, version] = lift
        return lift

    return register
