"""Which instant of the world, and which state of knowledge, a request asks about (docs/events.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal, get_args

from incidentlog.api.operations import Choice, Number, Parameter, parse_int
from incidentlog.clock import Clock
from incidentlog.errors import BadRequest, Fault
from incidentlog.events.values import end_of_day_instant, start_instant
from incidentlog.folding.domains import NOT_A_TIME, read_when
from incidentlog.store.connect import Pool
from incidentlog.store.read import LogIdentity, position_at, read_head

Basis = Literal["recorded", "reported"]

AT: Final = Parameter(
    "at",
    "The instant of the world that is asked about: a date is its beginning in the log's zone. Now, if left out.",
    example="2026-01-01",
)
KNOWN_AT: Final = Parameter(
    "known_at", "As known then: a date is its end in the log's zone. As known now, if left out.", example="2026-03-01"
)
AT_POSITION: Final = Number("at_position", "As known at this position of the log.", example="100")
POSITION: Final = Number("position", "The same, as a basis names it.", example="100")
BASIS: Final = Choice(
    "basis",
    "Known is what was in the log by then (`recorded`), or what sources had told by then (`reported`).",
    values=get_args(Basis),
    example="recorded",
)
BY: Final = Choice("by", "The same, as a basis names it.", values=get_args(Basis), example="recorded")
OPEN: Final = Choice(
    "open", "Of a basis: more could still be recorded for its `known_at`.", values=("true", "false"), example="false"
)
VERSION: Final = Parameter("version", "Of a basis: the version of what answers; another is refused.")
GENERATION: Final = Parameter("generation", "Of a basis: it rises when something was erased; another is refused.")
MOMENT: Final = (AT, KNOWN_AT, AT_POSITION, BASIS, BY, OPEN, VERSION, GENERATION, POSITION)
"""The parameters read here; the last ones are a basis sent back as it was given."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of knowledge at `position`, and the world at `at`."""

    at: datetime
    position: int
    by: Basis
    known_at: datetime | None
    open: bool
    """Whether more may still be recorded for `known_at`: it is not before the head."""
    least: int
    """The position before which no answer will do: its own where the reader named a state of knowledge that stands."""
    pinned: bool
    """Whether the reader named both, so that the answer can never be another."""

    def basis(self, log: LogIdentity, version: int) -> dict[str, Any]:
        """What the answer rests on; sent back, it gives the same bytes."""
        basis: dict[str, Any] = {
            "version": version,
            "generation": log.generation,
            "position": self.position,
            "at": self.at,
            "by": self.by,
        }
        if self.known_at is not None:
            basis["known_at"] = self.known_at
        if self.open:
            basis["open"] = True
        return basis


@dataclass(frozen=True, slots=True)
class Names:
    """What a request calls the state of knowledge that it asks about."""

    known: str = "known_at"
    positions: tuple[str, ...] = ("at_position", "position")
    """Names of one thing, of which one may be given."""


AS_OF: Final = Names()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A moment as it was asked for, read and not yet looked up."""

    at: datetime | None
    known_at: datetime | None
    position: int | None
    by: Basis
    open: bool
    names: Names


async def parse_moment(params: Mapping[str, str], pool: Pool, clock: Clock, zone: str) -> Moment:
    """The moment of a request. Raises BadRequest with every fault.

    A date is local 00:00 in `at` and the end of the day in `known_at`, both in the log's zone. `basis` is `recorded`
    or `reported`.
    """
    faults: list[Fault] = []
    wanted = read_wanted(params, zone, AS_OF, faults)
    if faults:
        raise BadRequest("the moment cannot be read", errors=faults)
    return await find_moment(wanted, pool, clock)


def read_wanted(params: Mapping[str, str], zone: str, names: Names, faults: list[Fault]) -> Wanted:
    """What is asked for under these names; the faults are added to those there are."""
    at = _when(params, "at", faults)
    known = _when(params, names.known, faults)
    given = _one_of(params, names.positions, faults)
    position = _position(params, given, faults)
    by = params.get(_one_of(params, ("basis", "by"), faults), "recorded")
    if params.get("open", "true") not in {"true", "false"}:
        faults.append(Fault("/open", "unknown_value", "open is true or false"))
    if by not in {"recorded", "reported"}:
        faults.append(Fault("/basis", "unknown_value", "basis is recorded or reported"))
    return Wanted(
        at=None if at is None else start_instant(at, zone),
        known_at=None if known is None else end_of_day_instant(known, zone),
        position=position,
        by="reported" if by == "reported" else "recorded",
        open=params.get("open") == "true",
        names=names,
    )


async def find_moment(wanted: Wanted, pool: Pool, clock: Clock) -> Moment:
    """Look the moment up in the log. Raises BadRequest for a position that is not there yet."""
    position, known_at, is_open = wanted.position, wanted.known_at, wanted.open
    head = await read_head(pool)
    if position is None:
        position, is_open = head.position, False
        if known_at is not None:
            is_open = head.recorded_at is None or known_at >= head.recorded_at
            if wanted.by == "recorded" and not is_open:
                position = await position_at(pool, known_at)
    elif position > head.position:
        detail = f"the log is at position {head.position}"
        pointer = f"/{wanted.names.positions[0]}"
        raise BadRequest(detail, errors=[Fault(pointer, "ahead_of_log", detail)], position=head.position)
    stands = wanted.position is not None or (known_at is not None and not is_open)
    return Moment(
        at=clock.now() if wanted.at is None else wanted.at,
        position=position,
        by=wanted.by,
        known_at=known_at,
        open=is_open,
        least=position if stands else 0,
        pinned=wanted.at is not None and wanted.position is not None,
    )


def _one_of(params: Mapping[str, str], names: tuple[str, ...], faults: list[Fault]) -> str:
    """Which of several names of one thing is given; a fault for each further one."""
    first, *others = [name for name in names if name in params] or names[:1]
    faults += [Fault(f"/{name}", "one_of_two", f"{first} says the same: give one of them") for name in others]
    return first


def _when(params: Mapping[str, str], name: str, faults: list[Fault]) -> date | datetime | None:
    if name not in params:
        return None
    when = read_when(params[name])
    if when is None:
        faults.append(Fault(f"/{name}", "not_a_time", NOT_A_TIME))
    return when


def _position(params: Mapping[str, str], name: str, faults: list[Fault]) -> int | None:
    return None if name not in params else parse_int(params[name], f"/{name}", faults, most=2**53 - 1)
