"""The two shapes of projection, and what they are given (docs/design.md, Two shapes of projection).

A projection sees only `Change(before, after)`: corrections are applied before it is asked, so it cannot get them wrong.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, Literal, NamedTuple, TypeVar

from incidentlog.events.values import Model
from incidentlog.folding.domains import COMMON, OPEN, Domain
from incidentlog.folding.subject import Subject

Row = dict[str, Any]
Key = tuple[str | None, ...]
"""The values of a group's dimensions, in the order of `group_by`."""
Amounts = tuple[int, ...]
"""What a line has of each of a tally's measures, in their order."""


class Projection:
    """What every projection has. Register one with `@projection(name, version=...)`."""

    name: ClassVar[str]
    version: ClassVar[int]
    title: ClassVar[str]
    """One line, from the docstring."""
    categories: ClassVar[frozenset[str] | None] = None
    """The categories of the subjects that it looks at; None is any. What it does not look at costs it nothing."""
    poison: ClassVar[Literal["park", "stop"]] = "park"
    """What becomes of a stream that it cannot take in: set aside while the others go on, or all of it stops."""

    @classmethod
    def beside(cls) -> "Sequence[Projection]":
        """The projections that its rows are made of as well, read at the same position."""
        return ()


# ---------------------------------------------------------------------------------------------------- Tally


class Contribution(NamedTuple):
    """What a subject adds to the cell of a ledger that its dimensions name."""

    at: datetime
    """The instant in the world from which it counts; reads at an earlier `at` do not see it."""
    dimensions: Key
    """A value for each of the tally's dimensions, in their order."""
    amounts: Amounts
    """An amount for each of its measures, likewise: see `Tally.amounts`."""


class Booking(NamedTuple):
    """One line of a ledger: never edited, only followed by others."""

    position: int
    level: int
    stream: str
    at: datetime
    dimensions: Key
    amounts: Amounts
    restated: bool


class Tally(Projection):
    """A double-entry ledger: minus what the subject contributed before, plus what it contributes now."""

    dimensions: ClassVar[tuple[str, ...]]
    """What rows can be grouped by and filtered on."""
    domains: ClassVar[Mapping[str, Domain]] = {}
    """Which values they can have, of those that `COMMON` does not know; without one it is any text."""
    measures: ClassVar[tuple[str, ...]]
    """What is summed."""
    on_sheets: ClassVar[bool] = False
    """Whether its first dimension names sheets, each by a key and a local day with a blank between them.

    What is on a sheet is found without looking through all of the ledger.
    """
    rolling: ClassVar[int] = 0
    """Over how many days each measure is summed as well: a day and those before it.

    These sums are further measures, after the others and as many. They are made of lines when these are read
    (`folding.rolling`): contributions tell the amounts of the first ones alone, and after the values of the dimensions
    one more, the `midnights` that follow their day.
    """
    group_by: ClassVar[tuple[str, ...]]
    """The grouping where the reader names none."""
    rollups: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Dimensions by which totals are kept ready for any position; the first that has all that is asked for is read. It
    should have much fewer totals than the ledger has lines. They may be changed: totals are then made of the ledger."""

    @classmethod
    def domain(cls, dimension: str) -> Domain:
        """Which values a dimension can have."""
        return cls.domains.get(dimension) or COMMON.get(dimension, OPEN)

    @classmethod
    def amounts(cls, told: Mapping[str, int]) -> Amounts:
        """Amounts of measures by their names: those that are not told are 0."""
        return tuple(told.get(name, 0) for name in cls.measures)

    def contributions(self, subject: Subject) -> Iterable[Contribution]:
        """What the subject adds. Pure; a subject that is not current adds nothing."""
        raise NotImplementedError

    def added(self, before: Subject, after: Subject) -> Iterable[Contribution] | None:  # noqa: ARG002 - for overrides
        """What a subject adds beyond what it added, where that is all; None where they are to be compared.

        For tallies with a line for each of a subject's events, of which there may be many.
        """
        return None

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:  # noqa: ARG002 - for overrides
        """A row as it is shown: by default the sums under their own names.

        Equal sums give equal rows under all keys that are null in the same places.
        """
        return dict(sums)

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:  # noqa: ARG002 - for overrides
        """What a dimension's value is called, as `{(dimension, value): name}`: kept once, shown with every row."""
        return {}


# ------------------------------------------------------------------------------------------------- Document


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """A document's body from a position on, at a marking; None where there is none, which hides the ones below."""

    position: int
    level: int
    key: str
    body: Model | None
    restated: bool
    gone: bool = False
    """The marking is not there any more: the one below is seen again."""
    on_read: bool = False
    """Its body is not kept, but folded from its subjects whenever it is asked for."""
    left_out: int = 0
    """How many subjects beyond `MEMBERS` share the key and were not folded: the row says so."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A group of a tally that a document reads at its own position: its dimensions and sums."""

    dimensions: Mapping[str, str | None]
    sums: Mapping[str, int]


Policies = Mapping[str, Mapping[str, int | float]]
"""Every threshold in force, by policy and name."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside a document's body, at the same position and for the same reader."""

    cells: Sequence[Cell] = ()
    """Of the document's tally, those of `tally_keys`, as they count at the instant."""
    details: Sequence[Cell] = ()
    """Of its details, those of `detail_keys`, whenever they count: their dimensions say so."""
    policies: Policies = field(default_factory=dict)
    """Those of the document's `thresholds`; none where it has none."""


NOTHING: Final = Known()


B = TypeVar("B", bound=Model)


class Document(Projection, Generic[B]):
    """A pure fold of the subjects that share a key, kept in versions; the clock is read, never written."""

    body: ClassVar[type[Model]]
    """What `fold` makes."""
    tally: ClassVar[type[Tally] | None] = None
    """A tally whose first dimension is this document's key, read at the same position: for what is numerous."""
    tally_by: ClassVar[tuple[str, ...]] = ()
    """The dimensions, beside the key, by which its cells are given: few, with few values, since all are read."""
    details: ClassVar[type[Tally] | None] = None
    """A tally read only under the values of its first dimension that a row needs: its second is the tally's first."""
    thresholds: ClassVar["type[Thresholds[Any]] | None"] = None
    """The documents that say which thresholds are in force, where its rows hang on some,"""
    policies: ClassVar[tuple[str, ...]] = ()
    """and the policies whose thresholds these are."""

    @classmethod
    def beside(cls) -> Sequence[Projection]:
        """Its tally, its details and its thresholds, as far as it has them."""
        return [read() for read in (cls.tally, cls.details, cls.thresholds) if read is not None]

    def keys(self, subject: Subject) -> Iterable[str]:
        """The documents that the subject is part of."""
        raise NotImplementedError

    def fold(self, key: str, subjects: Sequence[Subject]) -> B | None:
        """The body. `subjects` share the key, in the order of their streams; at most `MEMBERS`.

        Total for some subjects where it is for each of them: of more than `FEW` only the one that changes is tried.
        """
        raise NotImplementedError

    def row(self, body: B, at: datetime, known: Known) -> Row:
        """What is shown of the body at an instant of the world."""
        raise NotImplementedError

    def tally_keys(self, key: str, body: B) -> Sequence[str]:  # noqa: ARG002 - for overrides
        """The values of the tally's first dimension whose cells are this document's: its key, and what it absorbed."""
        return (key,)

    def detail_keys(self, body: B, at: datetime, known: Known) -> Sequence[str]:  # noqa: ARG002 - for overrides
        """The values of the details' first dimension that a row at an instant needs, or at any that follows it.

        `known` has no details yet.
        """
        return ()

    def next_transition(self, body: B, at: datetime, known: Known) -> datetime | None:  # noqa: ARG002 - for overrides
        """When the row changes by itself next, after `at`; None if never."""
        return None

    def evaluate(self, body: B, at: datetime, known: Known) -> tuple[Row, datetime | None]:
        """The row, and when it changes by itself next; for overrides that can tell both at the cost of one."""
        return self.row(body, at, known), self.next_transition(body, at, known)

    def summary(self, rows: Mapping[str, Row]) -> Mapping[str, Row]:  # noqa: ARG002 - for overrides
        """Rows that are about all rows, such as a headline; each has a key that `sums_up` says it may have."""
        return {}

    @property
    def has_summary(self) -> bool:
        """Whether some row is about all rows."""
        return type(self).summary is not Document.summary

    def sums_up(self, key: str) -> bool:  # noqa: ARG002 - for overrides
        """Whether a row of this key may be one that is about all rows: only then are all read for it."""
        return False


class Thresholds(Document[B]):
    """A document for each policy, whose body says which of its thresholds were changed: others hang on them."""

    def in_force(self, changed: Mapping[str, B]) -> Policies:
        """Every threshold of every policy, given the bodies of those that were changed."""
        raise NotImplementedError


FEW: Final = 32
"""Of how many subjects a document's body is kept with every version. Once more have shared the key, versions only say
that there is another, and the body is folded from the subjects when it is read: kept, it would grow with the square."""
MEMBERS: Final = 1_000
"""The most subjects that are folded into a document, the newest ones; what is more numerous should be a Tally."""

# ------------------------------------------------------------------------------------------------- registry

P = TypeVar("P", bound=type[Projection])
PROJECTIONS: Final[dict[str, Tally | Document[Any]]] = {}
"""Every projection of this build, by name."""


def projection(name: str, *, version: int) -> Callable[[P], P]:
    """Register a projection. Raise the version when it answers differently: it is then rebuilt."""

    def register(cls: P) -> P:
        cls.name, cls.version = name, version
        cls.title = (cls.__doc__ or name).strip().splitlines()[0]
        made = cls()
        if name in PROJECTIONS or not isinstance(made, Tally | Document):
            raise ValueError(f"{name} is registered twice, or is neither a Tally nor a Document")
        PROJECTIONS[name] = made
        return cls

    return register


@dataclass(slots=True)
class Totals:
    """Running sums of one group."""

    amounts: list[int] = field(default_factory=list)
    position: int = 0
    restated: bool = False

    def add(self, amounts: Sequence[int], position: int, *, restated: bool) -> None:
        """Add a booking; the last one says position and restated."""
        self.amounts = [a + b for a, b in zip(self.amounts, amounts, strict=True)] if self.amounts else list(amounts)
        if position >= self.position:
            # Several bookings of one event agree on restated, save that a first one may have been made by another.
            self.restated = restated or (self.restated and position == self.position)
            self.position = position

    @property
    def empty(self) -> bool:
        """Whether nothing is left: such a group has no row."""
        return not any(self.amounts)
