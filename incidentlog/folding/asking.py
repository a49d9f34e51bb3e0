"""How a tally is asked, from the parameters of a request: the same for REST and for a live subscription. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from incidentlog.errors import BadRequest, Fault
from incidentlog.folding.domains import DAY, Domain, read_day
from incidentlog.folding.figures import figure_names
from incidentlog.folding.periods import CALENDAR
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Tally

GROUPS: Final = 8
"""The most dimensions to group by."""
FILTERS: Final = 6
"""The most dimensions to narrow by."""
VALUES: Final = 200
"""The most values of one dimension."""
LONGEST: Final = 200
"""The most characters of a value."""
RANGE: Final = ("since", "until")
"""Days, inclusive and exclusive, of the dimension `day`."""
SHAPING: Final = ("top", "order_by", "compare")
"""What decides which rows of a tally are shown, in which order, and beside what."""
TOP: Final = 10_000
"""The most rows of a `top`."""


@dataclass(frozen=True, slots=True)
class Shaping:
    """Which rows of a tally are shown, and beside what."""

    order_by: str | None = None
    """A figure or a dimension, the largest first; None is by key."""
    top: int | None = None
    previous: Grouping | None = None
    """The same question about the period before, to be compared with."""


@dataclass(frozen=True, slots=True)
class Question:
    """How a reader asks a tally over REST."""

    grouping: Grouping
    shaping: Shaping = Shaping()

    @property
    def periods(self) -> Mapping[str, Mapping[str, str | None]]:
        """The period asked about and the one that it is compared with; empty where it is not."""
        if self.shaping.previous is None:
            return {}
        asked = {"period": self.grouping, "previous": self.shaping.previous}
        return {name: {"since": own.since, "until": own.until} for name, own in asked.items()}


def parse_question(tally: Tally, params: Mapping[str, Sequence[str]]) -> Question:
    """The grouping, and which of its rows are shown how. Raises BadRequest with every fault.

    Beside what `parse_grouping` takes: `group_by` (names parted by commas, or repeated), `top`, `order_by` (a figure as
    its row shows it, such as `killed.best`, or a dimension that it is grouped by), and `compare=previous`, for which
    `since` and `until` name the period; the previous one is as many local days, immediately before.
    """
    by = [d for value in params.get("group_by", ()) for d in value.split(",") if d]
    faults: list[Fault] = []
    grouping = Grouping(tally.group_by)
    try:
        kept = {name: values for name, values in params.items() if name not in {"group_by", *SHAPING}}
        grouping = parse_grouping(tally, kept, by)
    except BadRequest as refused:
        faults += refused.errors
    given = {name: params[name] for name in SHAPING if name in params}
    faults += [Fault(f"/{name}", "repeated", "one value is needed") for name, v in given.items() if len(v) != 1]
    one = {name: values[0] for name, values in given.items() if len(values) == 1}
    if "top" in one:
        faults += _top_faults(one["top"])
    if "compare" in one:
        faults += _compare_faults(one["compare"], grouping, unsure=bool(faults))
    if "order_by" in one and not any(fault.pointer == "/group_by" for fault in faults):
        faults += _order_faults(tally, grouping, one["order_by"], compare="compare" in one)
    if faults:
        raise BadRequest(f"{tally.name} cannot be asked so", errors=faults)
    top = int(one["top"]) if "top" in one else None
    order_by = one.get("order_by") or (figure_names(tally, grouping.by)[0] if top else None)
    return Question(grouping, Shaping(order_by, top, _previous(grouping) if "compare" in one else None))


def _top_faults(text: str) -> Iterator[Fault]:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(TOP)) and 0 < int(text) <= TOP):
        yield Fault("/top", "not_a_number", f"give a whole number from 1 to {TOP}")


def _order_faults(tally: Tally, grouping: Grouping, name: str, *, compare: bool) -> Iterator[Fault]:
    own = figure_names(tally, grouping.by)
    further = [
        *(f"previous.{figure}" for figure in own),
        *(f"change.{figure}.{how}" for figure in own for how in ("absolute", "relative")),
    ]
    if name not in {*own, *grouping.by} and not (compare and name in further):
        said = escaped(name)[:40]
        yield Fault("/order_by", "unknown_figure", f"{said!r} is none of its figures: {', '.join(own)}")


def _compare_faults(wanted: str, grouping: Grouping, *, unsure: bool) -> Iterator[Fault]:
    if wanted != "previous":
        yield Fault("/compare", "unknown_value", "compare is previous")
    if unsure:
        return
    if grouping.since is None or grouping.until is None:
        yield Fault("/compare", "no_period", "since and until name the period that is compared with the previous one")
    elif grouping.since == grouping.until:
        yield Fault("/until", "empty", "the period has no day in it")
    else:
        try:
            _previous(grouping)
        except OverflowError:
            yield Fault("/since", "not_a_day", "there is no calendar for the period before")
    if inside := sorted({*CALENDAR} & {*grouping.by}):
        detail = f"periods have no {' or '.join(inside)} in common; group by something else, or leave compare out"
        yield Fault("/group_by", "not_comparable", detail)


def _previous(grouping: Grouping) -> Grouping:
    """The same, of as many days immediately before."""
    assert grouping.since is not None and grouping.until is not None  # noqa: S101, PT018 - asked of what has a period
    since, until = date.fromisoformat(grouping.since), date.fromisoformat(grouping.until)
    return replace(grouping, since=(since - (until - since)).isoformat(), until=grouping.since)


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
    kept = {name: tuple(values_of(tally.domain(name), values)) for name, values in where.items()}
    return Grouping(by, kept, since, until)


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
        else:
            yield from value_faults(tally.domain(name), values, pointer)


def value_faults(domain: Domain, values: Sequence[str], pointer: str) -> Iterator[Fault]:
    """A fault for the first of some values that cannot be, with what can."""
    if (bad := next((value for value in values if domain.read(value) is None), None)) is not None:
        yield Fault(pointer, domain.code, f"{escaped(bad)[:60]!r}: {domain.needed()}")
    elif not all(fits(value) for value in values):
        yield Fault(pointer, "not_a_value", f"a value has 1 to {LONGEST} characters that can be stored")


def values_of(domain: Domain, values: Iterable[str]) -> Sequence[str]:
    """Values without a fault as rows hold them, each once."""
    return list(dict.fromkeys(own for value in values if (own := domain.read(value)) is not None))


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
        elif read_day(values[0]) is None:
            yield Fault(f"{under}/{name}", "not_a_day", DAY.needed())
        else:
            days.append(values[0])
    if len(days) == len(RANGE) and days[0] > days[1]:
        yield Fault(f"{under}/until", "ends_before_start", "until is before since")


def _unknown(tally: Tally, name: str, pointer: str) -> Fault:
    said = escaped(name)[:40]
    return Fault(pointer, "unknown_dimension", f"{said!r} is none of {tally.name}'s: {', '.join(tally.dimensions)}")


def fits(value: str) -> bool:
    """Whether a value can be compared with what the database holds: short, no NUL, no lone surrogate."""
    return 0 < len(value) <= LONGEST and "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)


def escaped(name: str) -> str:
    """A name as one token of a JSON pointer (RFC 6901), cut to a length that can be told."""
    shown = name[:LONGEST].encode("utf-8", "replace").decode()
    return shown.replace("~", "~0").replace("/", "~1")
