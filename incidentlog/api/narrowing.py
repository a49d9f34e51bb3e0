"""By what events, and the rows of projections, can be narrowed down, as parameters: from what reads them."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from incidentlog.api.operations import Choice, Number, Parameter, Segment
from incidentlog.folding.asking import TOP, VALUES
from incidentlog.folding.domains import DAY, Domain
from incidentlog.folding.figures import figure_names
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS
from incidentlog.store.filters import FILTERS, ONE, SUBJECT_FILTERS

NAME: Final = Segment("name", "A projection.", example="city_incidents", schema={"enum": sorted(PROJECTIONS)})
GROUP_BY: Final = Parameter(
    "group_by", "Dimensions, parted by commas or each for itself; a projection has its own, if left out.", several=True
)
SINCE: Final = Parameter(
    "since",
    "Only what lies from this day on, by its day, its week or its month.",
    schema={"type": "string", **DAY.schema()},
    example="2025-11-01",
)
UNTIL: Final = Parameter(
    "until", "Up to this day, which is not in it.", schema={"type": "string", **DAY.schema()}, example="2025-12-01"
)


@cache
def event_filters(_: str | None = None) -> tuple[Parameter, ...]:
    """The parameters that narrow events."""
    return tuple(_filter(name, domain, several=name not in ONE) for name, domain in FILTERS.items())


@cache
def subject_filters(_: str | None = None) -> tuple[Parameter, ...]:
    """The parameters that narrow subjects."""
    return tuple(_filter(name, domain, several=name not in ONE) for name, domain in SUBJECT_FILTERS.items())


@cache
def tally_filters(name: str | None) -> tuple[Parameter, ...]:
    """The parameters that narrow the rows of a projection; of any, for None."""
    return tuple(_of_tallies(None if name is None else [PROJECTIONS[name]]))


@cache
def tally_groupings(name: str | None) -> tuple[Parameter, ...]:
    """The same, and by what the rows are grouped."""
    return (GROUP_BY, *tally_filters(name))


@cache
def tally_questions(name: str | None) -> tuple[Parameter, ...]:
    """The parameters by which the rows of a projection are asked for."""
    tally = PROJECTIONS.get(name or "")
    return (*tally_filters(name), *(_shaping(tally) if isinstance(tally, Tally) else ()))


def _of_tallies(chosen: Any) -> Iterator[Parameter]:
    tallies = [p for p in chosen or PROJECTIONS.values() if isinstance(p, Tally)]
    dimensions = {d: t.domain(d) for t in tallies for d in t.dimensions}
    for name, domain in dimensions.items():
        yield _filter(name, domain, several=True)
    if "day" in dimensions:
        yield from (each for each in (SINCE, UNTIL) if each.name not in dimensions)


def _filter(name: str, domain: Domain, *, several: bool) -> Parameter:
    """A parameter of which each value is of a domain."""
    any_of = f" Given more than once, any of up to {VALUES}." if several else ""
    schema = {"type": "string", "minLength": 1, **domain.schema()}
    return Parameter(name, f"{_sentence(domain.needed())}{any_of}", schema=schema, several=several)


def _shaping(tally: Tally) -> Iterator[Parameter]:
    figures = figure_names(tally, tally.group_by)
    dimensions = ", ".join(tally.dimensions)
    yield Parameter(
        "group_by", f"Some of {dimensions}, parted by commas or each for itself; else {', '.join(tally.group_by)}.",
        several=True, example=tally.group_by[0],
    )  # fmt: skip
    yield Parameter(
        "order_by",
        f"The largest first, by a figure: {', '.join(figures)}, or others of another grouping; or by its dimensions.",
        example=figures[0],
    )
    yield Number("top", "The most rows, the largest.", least=1, most=TOP, example="3")
    if "day" in tally.dimensions:
        yield Choice(
            "compare", "Beside the period before, which is as long as since and until say.", values=("previous",)
        )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
