"""What places of Ukraine are called in Ukrainian and English, for the page: by the state's register of settlements.

`python -m incidentlog.places.ukrainian > incidentlog/page/texts/places.json` writes the page's catalogue. English names
are those of places whose name in GeoNames is another than the field's, as events of older logs have it. A place that
is not joined to the register has none: a wrong name is worse than none.
"""

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from incidentlog.places.gazetteer import bundled

LEAST: Final = 5_000
"""Inhabitants of the smallest place in the catalogue."""
APOSTROPHE: Final = "\N{RIGHT SINGLE QUOTATION MARK}"
"""As it is printed; the register has the typewriter's."""
REGIONS: Final = {
    "01": "Черкаська", "02": "Чернігівська", "03": "Чернівецька", "04": "Дніпропетровська", "05": "Донецька",
    "06": "Івано-Франківська", "07": "Харківська", "08": "Херсонська", "09": "Хмельницька", "10": "Кіровоградська",
    "13": "Київська", "14": "Луганська", "15": "Львівська", "16": "Миколаївська", "17": "Одеська", "18": "Полтавська",
    "19": "Рівненська", "21": "Сумська", "22": "Тернопільська", "23": "Вінницька", "24": "Волинська",
    "25": "Закарпатська", "26": "Запорізька", "27": "Житомирська",
}  # fmt: skip
"""Oblasts by GeoNames' code, as adjectives."""


def catalogue() -> dict[str, dict[str, str]]:
    """Names by language and place id."""
    register = bundled().register
    uk, en = dict[str, str](), dict[str, str]()
    for row in _places():
        code = register.joined.get(row["geonameid"])
        if code is None or int(row["population"] or 0) < LEAST:
            continue
        place_id = f"geonames:{row['geonameid']}"
        uk[place_id] = register.own_name(code).replace("'", APOSTROPHE)
        if (spelled := register.name(code)) != row["name"]:
            en[place_id] = spelled
    uk |= {f"UA.{code}": f"{name} область" for code, name in REGIONS.items()}
    uk |= {"UA.11": "Автономна Республіка Крим", "UA.12": "Київ", "UA.20": "Севастополь"}
    return {"en": en, "uk": uk}


def _places() -> Iterator[dict[str, str]]:
    path = files("incidentlog.places") / "data" / "places.tsv.gz"
    with path.open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8") as lines:
        yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


if __name__ == "__main__":
    json.dump(catalogue(), sys.stdout, ensure_ascii=False, indent=0, sort_keys=True)
    sys.stdout.write("\n")
