"""Countries by the code systems that files use. Codes of ISO 3166, FIPS 10-4, and Gleditsch and Ward."""

import csv
from functools import cache
from pathlib import Path
from typing import Final

from iso3166 import countries

from incidentlog.importers.mapping import CodeSystem

CODES: Final = Path(__file__).with_name("data") / "country_codes.csv"
"""Which state has which number of Gleditsch and Ward, and which code of FIPS 10-4, today."""
NAMES: Final = {"russia (soviet union)": "RU", "russia": "RU", "kosovo": "XK", "syria": "SY", "iran": "IR",
                "moldova": "MD", "turkey": "TR", "united states": "US", "україна": "UA", "украина": "UA",
                "росія": "RU", "россия": "RU", "білорусь": "BY", "беларусь": "BY"}  # fmt: skip
"""Names that ISO 3166 does not have."""


@cache
def codes(system: CodeSystem) -> dict[str, str]:
    """ISO 3166-1 alpha-2 by the codes of a system, in lower case."""
    match system:
        case "iso2":
            return {c.alpha2.lower(): c.alpha2 for c in countries} | {"xk": "XK"}
        case "iso3":
            return {c.alpha3.lower(): c.alpha2 for c in countries} | {"xkx": "XK"}
        case "number":
            return {n: c.alpha2 for c in countries for n in (c.numeric, c.numeric.lstrip("0"))}
        case "name":
            named = {name.lower(): c.alpha2 for c in countries for name in (c.name, c.apolitical_name)}
            return named | NAMES
        case "gw" | "fips":
            with CODES.open(encoding="ascii", newline="") as file:
                return {row[system].lower(): row["alpha2"] for row in csv.DictReader(file) if row[system]}
