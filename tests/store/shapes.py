"""Write `incidentlog/store/shapes.tsv` anew, after a version was raised: `python -m tests.store.shapes`."""

from importlib.resources import files
from pathlib import Path

from incidentlog.store.builds import SHAPES, make_shape, wanted_builds


def lines() -> str:
    """The subjects and each projection of the package: name, version and shape, parted by tabs."""
    return "".join(f"{name}\t{version}\t{make_shape(name)}\n" for name, version in wanted_builds().items())


if __name__ == "__main__":
    Path(str(files("incidentlog.store").joinpath(SHAPES))).write_text(lines(), "utf-8")
