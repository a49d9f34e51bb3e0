"""First-level regions: oblasts and their like, by code or by any of the ways people write them."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from incidentlog.places.normalise import normalise

KINDS = frozenset(
    {"oblast", "oblasti", "obl", "region", "province"} | {"область", "області", "области", "обл", "регіон", "регион"}
)
"""Words that say "region" after a name; with one of them, "Kyiv oblast" is not the city of Kyiv."""


@dataclass(frozen=True, slots=True)
class Admin1:
    """One region. The country is an ISO code to count by, as GeoNames has it, and takes no side on status."""

    country: str
    """ISO 3166-1 alpha-2."""
    code: str
    """GeoNames' code, unique in the country: Odesa oblast is 17 (its ISO number 51 is another thing)."""
    name: str | None = None
    """In English and without "oblast"; None where only the code is known (everywhere but Ukraine)."""
    iso: str | None = None
    """ISO 3166-2, such as UA-51."""
    is_oblast: bool = True
    """False for Kyiv City, Sevastopol and Crimea, whose names stand alone."""

    @property
    def title(self) -> str:
        """The name in full: Odesa oblast, Kyiv City, Crimea."""
        if self.name is None:
            return f"{self.country}.{self.code}"
        return f"{self.name} oblast" if self.is_oblast else self.name


LEAST: Final = 3
"""The fewest letters of an abbreviation that is read."""
NO_OBLAST = frozenset({"UA-30", "UA-40", "UA-43"})
INSIDE = {("UA", "13"): ("UA", "12"), ("UA", "11"): ("UA", "20")}
"""A region -> the city with a region's rank inside it: reports put Kyiv in Kyiv oblast."""


def _rows() -> Iterator[dict[str, str]]:
    text = files("incidentlog.places").joinpath("data/ua_admin1.csv").read_text("utf-8")
    yield from csv.DictReader(text.splitlines())


@cache
def _table() -> tuple[dict[tuple[str, str], Admin1], dict[str, Admin1], dict[str, tuple[Admin1, ...]]]:
    """Ukraine's regions by (country, code), by ISO code and by normalised name."""
    by_code: dict[tuple[str, str], Admin1] = {}
    by_iso: dict[str, Admin1] = {}
    by_name: dict[str, tuple[Admin1, ...]] = {}
    for row in _rows():
        iso = row["iso_3166_2"]
        region = Admin1("UA", row["geonames_admin1"], row["name_en"], iso, is_oblast=iso not in NO_OBLAST)
        by_code[region.country, region.code] = region
        by_iso[iso] = region
        for name in (row["name_en"], *row["aliases_stem"].split("|")):
            known = by_name.get(normalise(name), ())
            if region not in known:
                by_name[normalise(name)] = (*known, region)
    return by_code, by_iso, by_name


@cache
def katottg_regions() -> dict[str, str]:
    """The first two digits of a KATOTTG code -> GeoNames' code of the region; five of them are not ISO's numbers."""
    return {row["katottg"]: row["geonames_admin1"] for row in _rows()}


def admin1_name(country: str | None, code: str | None) -> str | None:
    """A region's English name, or None where it is not known."""
    region = _table()[0].get((country or "", code or ""))
    return region.name if region else None


def region_key(country: str | None, code: str | None) -> str | None:
    """The one form in which a region is shown and asked for: `UA.17`. None where country or code is not known."""
    return f"{country}.{code}" if country and code else None


def code_of(key: str) -> str:
    """The code within its country of a region's key: 17 of UA.17, and of 17 itself."""
    return key.partition(".")[2] or key


@lru_cache(maxsize=4_096)  # a file's rows name the same regions, each of them many times
def find_admin1(
    text: str, country: str | None = None, codes: frozenset[tuple[str, str]] = frozenset()
) -> tuple[Admin1, ...]:
    """The regions that `text` can mean, in `country` if it is given; none if it is not known.

    Text is a GeoNames code ("UA.17", or "17" where the country is given), ISO 3166-2 ("UA-51", "US-FL") or a name with
    or without "oblast" ("Odeska oblast", "Odesa"). Only a bare "Kyiv" means two. Outside Ukraine there are no names: a
    code counts if it is in `codes`, the (country, code) pairs of the gazetteer, and an ISO code if its end is in
    them and is letters, since numbers of the two kinds differ. A Ukrainian name may be shortened with a dot, as far
    as it tells one region.
    """
    by_code, by_iso, by_name = _table()
    text = text.strip()
    iso = text.upper()
    if (region := by_iso.get(iso)) is not None:
        return (region,) if country in {None, region.country} else ()
    own, _, code = iso.partition(".") if "." in iso else (country, "", iso)
    if own is not None and country in {None, own}:
        if (region := by_code.get((own, code))) is not None:
            return (region,)
        if (own, code) in codes:
            return (Admin1(own, code),)
    prefix, dash, suffix = iso.partition("-")
    if dash and suffix.isalpha() and country in {None, prefix} and (prefix, suffix) in codes:
        return (Admin1(prefix, suffix, iso=iso),)
    if country not in {None, "UA"}:
        return ()
    name = normalise(text)
    if name in by_name:
        return by_name[name]
    words = name.split()
    found = by_name.get(" ".join(words[:-1]), ()) if len(words) > 1 and words[-1] in KINDS else ()
    if found:
        return tuple(region for region in found if region.is_oblast) or found
    return _abbreviated(words, by_name) if "." in text else ()


def _abbreviated(words: Sequence[str], by_name: Mapping[str, tuple[Admin1, ...]]) -> tuple[Admin1, ...]:
    """The one region whose name words begin ("Ів.-Франк. обл."); none where there are several ("Черн.")."""
    begun = [word for word in words if word not in KINDS]
    if sum(map(len, begun)) < LEAST:
        return ()
    regions = {
        region
        for name, named in by_name.items()
        if len(said := name.split()) == len(begun) and all(map(str.startswith, said, begun))
        for region in named
    }
    return tuple(regions) if len(regions) == 1 else ()
