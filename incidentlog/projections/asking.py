"""How a tally is asked, from the parameters of a request: the same for REST and for a live subscription. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from incidentlog.errors import BadRequest, Fault
from incidentlog.projections.rows import Grouping
from incidentlog.projections.shapes import Tally

GROUPS: Final = 8
"""The most dimensions to group by: what the query `totals` has room for."""
FILTERS: Final = 6
"""The most dimensions to narrow by, likewise."""
VALUES: Final = 200
"""The most values of one dimension."""
LONGEST: Final = 200
"""The most characters of a value."""
RANGE: Final = ("since", "until")
"""Days, inclusive and exclusive, of the dimension `day`."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_grouping(
    tally: Tally,
    params: Mapping[str, Sequence[str]],
    group_by: Sequence[str] | None = None,
    *,
    under: str = "",
) -> Grouping:
    """The grouping that a reader asks for. Raises BadRequest with every fault.

    `params` names dimensions, each with the values to keep, and `since` and `until`; the caller takes out what means
    something else. No `group_by` is the tally's own. `under` goes before the pointers of `params` (`/filter`).
    """
    by = tuple(group_by or tally.group_by)
    where = {name: tuple(dict.fromkeys(values)) for name, values in params.items() if name not in RANGE}
    faults = [
        *_grouping_faults(tally, by),
        *_filter_faults(tally, where, under),
        *_range_faults(tally, params, under),
    ]
    if faults:
        raise BadRequest(f"{tally.name} cannot be asked so", errors=faults)
    since, until = (params[name][0] if name in params else None for name in RANGE)
    return Grouping(by, where, since, until)


def _grouping_faults(tally: Tally, by: Sequence[str]) -> Iterator[Fault]:
    for name in by:
        if name not in tally.dimensions:
            yield _unknown(tally, name, "/group_by")
    if len(set(by)) < len(by):
        yield Fault("/group_by", "repeated", "a dimension is named twice")
    if len(by) > GROUPS:
        yield Fault("/group_by", "too_many", f"{len(by)} dimensions; at most {GROUPS}")


def _filter_faults(tally: Tally, where: Mapping[str, Sequence[str]], under: str) -> Iterator[Fault]:
    if len(where) > FILTERS:
        yield Fault(under, "too_many", f"narrowed by {len(where)} dimensions; at most {FILTERS}")
    for name, values in where.items():
        pointer = f"{under}/{escaped(name)}"
        if name not in tally.dimensions:
            yield _unknown(tally, name, pointer)
        elif not values:
            yield Fault(pointer, "empty", "at least one value is needed")
        elif len(values) > VALUES:
            yield Fault(pointer, "too_many", f"{len(values)} values; at most {VALUES}")
        elif not all(fits(value) for value in values):
            yield Fault(pointer, "not_a_value", f"a value has 1 to {LONGEST} characters that can be stored")


def _range_faults(tally: Tally, params: Mapping[str, Sequence[str]], under: str) -> Iterator[Fault]:
    days = []
    for name in RANGE:
        values = params.get(name)
        if values is None:
            continue
        if "day" not in tally.dimensions:
            yield Fault(f"{under}/{name}", "unknown_dimension", f"{tally.name} has no days")
        elif len(values) != 1:
            yield Fault(f"{under}/{name}", "repeated", "one day is needed")
        elif not _is_day(values[0]):
            yield Fault(f"{under}/{name}", "not_a_day", "give a day, such as 2025-11-19")
        else:
            days.append(values[0])
    if len(days) == len(RANGE) and days[0] > days[1]:
        yield Fault(f"{under}/until", "ends_before_start", "until is before since")


def _unknown(tally: Tally, name: str, pointer: str) -> Fault:
    said = escaped(name)[:40]
    return Fault(pointer, "unknown_dimension", f"{said!r} is none of {tally.name}'s: {', '.join(tally.dimensions)}")


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def fits(value: str) -> bool:
    """Whether a value can be compared with what the database holds: short, no NUL, no lone surrogate."""
    return 0 < len(value) <= LONGEST and "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)


def escaped(name: str) -> str:
    """A name as one token of a JSON pointer (RFC 6901), cut to a length that can be told."""
    shown = name[:LONGEST].encode("utf-8", "replace").decode()
    return shown.replace("~", "~0").replace("/", "~1")
