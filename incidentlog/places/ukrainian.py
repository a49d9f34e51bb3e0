# ruff: noqa: RUF001 - it is about Cyrillic letters
"""Ukrainian names of places, told apart from Russian and other ones among the gazetteer's alternate names.

The gazetteer does not say in which language an alternate name is. A name is taken for the Ukrainian one if it has
letters of the Ukrainian alphabet only and its romanisation is the gazetteer's own Latin name, by the rule of 2010
(Cabinet of Ministers, resolution 55) or that of 1965 (BGN/PCGN). Where two names pass, none is taken: a wrong name is
worse than none. `python -m incidentlog.places.ukrainian` writes the catalogue of the page, texts/places.json.
"""

import csv
import gzip
import json
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

LEAST: Final = 5_000
"""Inhabitants of the smallest place in the catalogue of the page."""
LETTERS: Final = re.compile(r"[АБВГҐДЕЄЖЗИІЇЙКЛМНОПРСТУФХЦЧШЩЬЮЯабвгґдеєжзиіїйклмнопрстуфхцчшщьюя'’ \-]+")
PLAIN: Final = dict(
    zip(
        "абвгґдежзиклмнопрстуфхцчшщ",
        [
            "a",
            "b",
            "v",
            "h",
            "g",
            "d",
            "e",
            "zh",
            "z",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
        ],
        strict=True,
    )
) | {"і": "i", "ь": "", "'": "", "’": ""}
FIRST: Final = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}
"""By the rule of 2010 at the beginning of a word; by that of 1965 everywhere."""
LATER: Final = {"є": "ie", "ї": "i", "й": "i", "ю": "iu", "я": "ia"}
REGIONS: Final = {
    "01": "Черкаська", "02": "Чернігівська", "03": "Чернівецька", "04": "Дніпропетровська", "05": "Донецька",
    "06": "Івано-Франківська", "07": "Харківська", "08": "Херсонська", "09": "Хмельницька", "10": "Кіровоградська",
    "13": "Київська", "14": "Луганська", "15": "Львівська", "16": "Миколаївська", "17": "Одеська", "18": "Полтавська",
    "19": "Рівненська", "21": "Сумська", "22": "Тернопільська", "23": "Вінницька", "24": "Волинська",
    "25": "Закарпатська", "26": "Запорізька", "27": "Житомирська",
}  # fmt: skip
"""Oblasts by GeoNames' code, as adjectives."""


def romanised(name: str, *, old: bool = False) -> str:
    """A Ukrainian name in Latin letters, by the rule of 2010 (as on passports and road signs), or that of 1965."""
    written, begins = "", True
    lower = name.lower()
    for at, letter in enumerate(lower):
        if letter in " -":
            written += letter
        elif letter in FIRST:
            written += FIRST[letter] if old or begins else LATER[letter]
        elif letter == "г" and not old and at and lower[at - 1] == "з":
            written += "gh"
        else:
            written += PLAIN[letter]
        begins = letter in " -"
    return re.sub(r"(^|[ -])([a-z])", lambda found: found[1] + found[2].upper(), written)


def ukrainian_name(latin: str, alternates: list[str]) -> str | None:
    """The Ukrainian one of a place's alternate names; None where none passes, or several do."""
    wanted = _bare(latin)
    found = {
        name
        for name in alternates
        if LETTERS.fullmatch(name) and wanted in {_bare(romanised(name)), _bare(romanised(name, old=True))}
    }
    return found.pop() if len(found) == 1 else None


def _bare(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def catalogue() -> dict[str, dict[str, str]]:
    """Names by language and place id, for the page: Ukrainian ones, and English ones where the spelling is another."""
    uk, en = dict[str, str](), dict[str, str]()
    for row in _places():
        if row["country"] != "UA" or int(row["population"] or 0) < LEAST:
            continue
        name = ukrainian_name(row["name"], row["alternatenames"].split("|"))
        if name is not None:
            uk[f"geonames:{row['geonameid']}"] = name.replace("'", "’")
            if (spelled := romanised(name)) != row["name"]:
                en[f"geonames:{row['geonameid']}"] = spelled
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
