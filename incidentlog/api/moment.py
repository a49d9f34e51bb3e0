"""Which instant of the world, and which state of knowledge, a request asks about (DOMAIN §2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from incidentlog.clock import Clock
from incidentlog.errors import BadRequest, Fault
from incidentlog.store.connect import Pool
from incidentlog.store.read import LogIdentity, position_at, read_head
from incidentlog.subjects.values import When, end_of_day_instant, start_instant

MOMENT: Final = frozenset({"at", "known_at", "at_position", "basis", "by", "open", "version", "generation", "position"})
"""The parameters read here; the last ones are a basis sent back as it was given."""

Basis = Literal["recorded", "reported"]
_WHEN: TypeAdapter[Any] = TypeAdapter(When)


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of knowledge at `position`, and the world at `at`."""

    at: datetime
    position: int
    by: Basis
    known_at: datetime | None
    open: bool
    """Whether more may still be recorded for `known_at`: it is not before the head."""
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


async def parse_moment(params: Mapping[str, str], pool: Pool, clock: Clock, zone: str) -> Moment:
    """The moment of a request. Raises BadRequest with every fault.

    A date is local 00:00 in `at` and the end of the day in `known_at`, both in the log's zone. `basis` is `recorded`
    or `reported`.
    """
    faults: list[Fault] = []
    at = _when(params, "at", faults)
    known = _when(params, "known_at", faults)
    position = _position(params, "at_position" if "at_position" in params else "position", faults)
    by = params.get("basis", params.get("by", "recorded"))
    if params.get("open", "true") not in {"true", "false"}:
        faults.append(Fault("/open", "unknown_value", "open is true or false"))
    if by not in {"recorded", "reported"}:
        faults.append(Fault("/basis", "unknown_value", "basis is recorded or reported"))
    if faults:
        raise BadRequest("the moment cannot be read", errors=faults)
    known_at = None if known is None else end_of_day_instant(known, zone)
    pinned = at is not None and position is not None
    is_open = params.get("open") == "true"
    head = await read_head(pool)
    if position is None:
        position, is_open = head.position, False
        if known_at is not None:
            is_open = head.recorded_at is None or known_at >= head.recorded_at
            if by == "recorded" and not is_open:
                position = await position_at(pool, known_at)
    elif position > head.position:
        detail = f"the log is at position {head.position}"
        raise BadRequest(detail, errors=[Fault("/at_position", "ahead_of_log", detail)], position=head.position)
    return Moment(
        at=clock.now() if at is None else start_instant(at, zone),
        position=position,
        by="reported" if by == "reported" else "recorded",
        known_at=known_at,
        open=is_open,
        pinned=pinned,
    )


def _when(params: Mapping[str, str], name: str, faults: list[Fault]) -> Any:
    if name not in params:
        return None
    try:
        # A plus sign in a query is a blank unless it was escaped: nobody escapes an offset by hand.
        return _WHEN.validate_python(params[name].replace(" ", "+"))
    except ValidationError:
        faults.append(Fault(f"/{name}", "not_a_time", "give a date (2025-11-19) or a time (2025-11-19T04:00+02:00)"))
        return None


def _position(params: Mapping[str, str], name: str, faults: list[Fault]) -> int | None:
    return None if name not in params else parse_int(params[name], f"/{name}", faults, most=2**53 - 1)


def parse_int(text: str, pointer: str, faults: list[Fault], *, least: int = 0, most: int) -> int:
    """A whole number in ASCII digits, within bounds; `int()` would take `1_000`, blanks and other scripts' digits."""
    if text.isascii() and text.isdigit() and len(text) <= 16 and least <= (number := int(text)) <= most:  # noqa: PLR2004
        return number
    faults.append(Fault(pointer, "not_a_number", f"give a whole number from {least} to {most}"))
    return least
