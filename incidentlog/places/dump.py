"""A full dump of GeoNames for a country, made into what the gazetteer reads.

The file is GeoNames' own, such as UA.txt: 19 columns parted by tabs, without a header
(https://download.geonames.org/export/dump/readme.txt).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from incidentlog.places.build_gazetteer import other_names
from incidentlog.places.gazetteer import Gazetteer
from incidentlog.places.join import joined, located

COLUMNS = 19
PARTS = frozenset({"PPLX", "PPLH", "PPLQ", "PPLW", "PPLCH"})
"""Feature codes of what is no settlement of today: a part of one, or one that was left, destroyed or abandoned."""
TOLD = 20
"""So many faults are told; more only make the message long."""


@dataclass(frozen=True, slots=True)
class DumpFault:
    """A line that cannot be read."""

    line: int
    """From 1."""
    reason: str


class DumpError(ValueError):
    """A file that is no dump of one country."""

    def __init__(self, faults: Sequence[DumpFault]) -> None:
        super().__init__("\n".join(f"line {fault.line}: {fault.reason}" for fault in faults[:TOLD]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Dump:
    """The settlements of one country."""

    country: str
    """ISO 3166-1 alpha-2."""
    text: str
    """Rows as the gazetteer reads them, with a header, the largest first."""
    count: int


def read_dump(lines: Iterable[str]) -> Dump:
    """The populated places of a dump; raises DumpError with every line that cannot be read, and takes none then."""
    faults: list[DumpFault] = []
    rows: list[tuple[str, ...]] = []
    countries: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        told = line.rstrip("\r\n").split("\t")
        if told == [""]:
            continue
        if (reason := _fault(told)) is not None:
            faults.append(DumpFault(number, reason))
            continue
        countries.setdefault(told[8], number)
        if told[6] == "P" and told[7] not in PARTS:
            rows.append(_row(told))
    if len(countries) > 1:
        (first, _), (other, number), *_ = countries.items()
        faults.append(DumpFault(number, f"it is of {other}, and the lines before of {first}: load a country at a time"))
    if not faults and not rows:
        faults.append(DumpFault(1, "there is no populated place (feature class P) in it"))
    if faults:
        raise DumpError(faults)
    rows.sort(key=lambda row: (-int(row[6]), row[0]))
    return Dump(next(iter(countries)), "\n".join(["\t".join(_HEADER), *("\t".join(row) for row in rows)]), len(rows))


def with_register(dump: Dump, gazetteer: Gazetteer) -> Dump:
    """A dump of Ukraine as coordinates and names for the register's settlements, under the ids that they have already.

    What is no settlement of the register's is left out: the register is whole. Other countries come back as they are.
    """
    register = gazetteer.register
    if dump.country != "UA":
        return dump
    formers = {code: [former.name for former in register.formers(code)] for code in register.settlements}
    found, alone = joined(register.settlements, formers, located(dump.text)), set(register.alone)
    codes = {place.geonameid: code for code, place in found.items() if code in alone}
    header, *lines = dump.text.split("\n")
    split = (line.partition("\t") for line in lines)
    rows = [f"{codes[number]}\t{told}" for number, _, told in split if number in codes]
    return Dump(dump.country, "\n".join([header, *rows]), len(rows))


_HEADER = ("geonameid", "name", "country", "admin1", "lat", "lon", "population", "timezone", "alternatenames")


def _fault(told: Sequence[str]) -> str | None:
    if len(told) != COLUMNS:
        return f"it has {len(told)} columns parted by tabs, not {COLUMNS}"
    if not (told[0].isascii() and told[0].isdigit()):
        return f"'{told[0][:20]}' is no geonameid"
    if len(told[8]) != 2 or not told[8].isalpha():  # noqa: PLR2004 - letters
        return f"'{told[8][:20]}' is no country"
    if not (_is_within(told[4], 90) and _is_within(told[5], 180)):
        return f"'{told[4][:20]}', '{told[5][:20]}' is no point"
    if told[14] and not (told[14].isascii() and told[14].isdigit()):
        return f"'{told[14][:20]}' is no population"
    return None


def _is_within(degrees: str, most: int) -> bool:
    try:
        return abs(float(degrees)) <= most
    except ValueError:
        return False


def _row(told: Sequence[str]) -> tuple[str, ...]:
    number, name, country, admin1 = told[0], told[1], told[8], told[10]
    city: Mapping[str, object] = {
        "name": name, "countrycode": country, "alternatenames": [n for n in _names(told) if "|" not in n],
    }  # fmt: skip
    return number, name, country, admin1, told[4], told[5], told[14] or "0", told[17], "|".join(other_names(city))


def _names(told: Sequence[str]) -> Iterator[str]:
    yield told[2]
    yield from told[3].split(",")
