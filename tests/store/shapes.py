"""Write `incidentlog/store/shapes.tsv` anew, after a version was raised: `python -m tests.store.shapes`."""

import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from incidentlog.projections import PROJECTIONS
from incidentlog.store.builds import SHAPES, make_shape, wanted_builds


def lines() -> str:
    """The subjects and each projection of the package: name, version, shape, and what else its rows are made of."""
    return "".join(f"{name}\t{v}\t{make_shape(name)}\t{_beside(name)}\n" for name, v in wanted_builds().items())


def _beside(name: str) -> str:
    """The projections that its rows are made of as well, with their versions."""
    read = PROJECTIONS[name].beside() if name in PROJECTIONS else ()
    return ", ".join(f"{each.name} {PROJECTIONS[each.name].version}" for each in read) or "-"


def unheeded(before: str, now: str) -> Iterator[str]:
    """The projections that say under one version other things than before, as what they are made of is of another."""
    known = {tuple(line.split("\t")[:2]): line for line in before.splitlines()}
    for line in now.splitlines():
        name, version, _, beside = line.split("\t")
        was = known.get((name, version))
        if was is not None and was.split("\t")[3] != beside:
            yield f"raise the version of {name}, as a basis names no other: it is made of {beside}"


if __name__ == "__main__":
    listed = Path(str(files("incidentlog.store").joinpath(SHAPES)))
    if told := [*unheeded(listed.read_text("utf-8"), lines())]:
        sys.exit("\n".join(told))
    listed.write_text(lines(), "utf-8")
