"""Ukraine's state register of settlements (KATOTTG): raions, hromadas and every settlement, by codes that stay.

A code begins with those of what it is within, which are OCHA's P-codes too: UA14 is an oblast, UA1402 a raion of it,
UA1402005 a hromada of that.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from incidentlog.places.normalise import normalise, normalise_lists
from incidentlog.places.spelling import romanise, skeleton, skeletons

OBLAST, RAION, HROMADA = 4, 6, 9
"""How many characters of a code say so."""
SETTLEMENTS = frozenset("KMXC")
_CODE = re.compile(r"UA(\d{2}|\d{4}|\d{7}|\d{17})", re.ASCII)
_KINDS = frozenset(
    normalise(
        "raion rayon district hromada gromada community territorial urban rural settlement "
        "район рн громада територіальна міська селищна сільська община "
        "terytorialna miska selyshchna silska"
    ).split()
)
"""Words beside the name of a raion or a hromada, normalised."""


@dataclass(frozen=True, slots=True)
class Former:
    """A name that a place had."""

    name: str
    last: int
    """The year of the last edition of the register that has it: until then it was the name."""
    until: int
    """The year of the first edition that has it no more: by then another was."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A raion or a hromada."""

    code: str
    """The beginning of its code: UA1402, UA1402005."""
    name: str
    """As the field writes it: Pokrovskyi raion, Myrnohradska hromada."""


class Register:
    """What the register tells. Never changes; lines stay text until they are asked for."""

    def __init__(self, text: str, centres: str = "") -> None:
        """Read the tab-separated register, its header first, in the order of the codes.

        `centres` are the settlements from which raions are run, as comma-separated codes of both, a header first.
        """
        self._centres = dict(line.split(",")[:2] for line in centres.split("\n")[1:] if line)
        self._lines: dict[str, str] = {}
        """Code of a settlement -> its category, name, GeoNames' id and its former names."""
        self._units: dict[str, str] = {}
        """The beginning of the code of a raion or a hromada -> the same."""
        self.joined: dict[str, str] = {}
        """GeoNames' id -> the code of the settlement that it is."""
        self.alone: list[str] = []
        """The codes of the settlements that GeoNames is not known to have."""
        self._located: dict[str, list[str]] = {}
        """The beginning of the code of a raion or a hromada -> its settlements that GeoNames has."""
        for line in text.split("\n")[1:]:
            code, category, told = line.split("\t", 2) if line else ("", "", "")
            if category in SETTLEMENTS:
                self._add(code, f"{category}\t{told}")
            elif category in {"P", "H"}:
                self._units[code[: RAION if category == "P" else HROMADA]] = f"{category}\t{told}"
        self._unit_names: dict[str, list[str]] = {}

    def _add(self, code: str, told: str) -> None:
        self._lines[code] = told
        number = told.split("\t", 3)[2]
        if not number:
            self.alone.append(code)
            return
        self.joined[number] = code
        for begins in (code[:RAION], code[:HROMADA]):
            self._located.setdefault(begins, []).append(code)

    @cached_property
    def settlements(self) -> dict[str, tuple[str, str]]:
        """Code -> category and Ukrainian name."""
        return {code: (told.partition("\t")[0], _name(told)) for code, told in self._lines.items()}

    def category(self, code: str | None) -> str:
        """K and M are cities, X are settlements and C villages; empty if it is none of the register."""
        return "" if code is None else self._lines[code].partition("\t")[0]

    def name(self, code: str) -> str:
        """A settlement's name as the field writes it."""
        return romanise(_name(self._lines[code]))

    def own_name(self, code: str) -> str:
        """The name in Ukrainian of a settlement, or of a raion or hromada by the beginning of its code."""
        return _name(self._lines.get(code) or self._units[code])

    def formers(self, code: str) -> list[Former]:
        """The names that a settlement had, the latest last."""
        return _formers(self._lines[code])

    def skeletons(self) -> dict[str, list[str]]:
        """Code of a settlement -> the skeletons of its present and its former names."""
        names = [[_name(told), *(former.name for former in _formers(told))] for told in self._lines.values()]
        for each in names:
            if "сг" in each[0]:  # Petershahen: sh is two letters here
                each.append(romanise(each[0]))
        listed = normalise_lists("\n".join("|".join(each) for each in names)) if names else []
        found = iter(skeletons("\n".join(name for each in listed for name in each)).split("\n"))
        return {code: [next(found) for _ in each] for code, each in zip(self._lines, names, strict=True)}

    def located(self, code: str) -> Sequence[str]:
        """Settlements of the same hromada that GeoNames has, or if there are none of the same raion."""
        return self._located.get(code[:HROMADA]) or self._located.get(code[:RAION]) or ()

    @cached_property
    def latin(self) -> Sequence[tuple[str, str]]:
        """The names of settlements that GeoNames lacks, as the field writes them, normalised, in order; with codes."""
        return sorted((normalise(self.name(code)), code) for code in self.alone)

    def prefixed(self, normalised: str) -> Iterator[str]:
        """The codes of settlements that GeoNames lacks whose name, as the field writes it, starts so, normalised."""
        for name, code in islice(self.latin, bisect_left(self.latin, (normalised, "")), None):
            if not name.startswith(normalised):
                return
            yield code

    def unit(self, code: str | None) -> Unit | None:
        """The raion (UA1402) or hromada (UA1402005) of the beginning of a code."""
        told = self._units.get(code or "")
        if told is None or code is None:
            return None
        return Unit(code, f"{romanise(_name(told))} {'raion' if len(code) == RAION else 'hromada'}")

    def find_units(self, text: str, length: int, oblasts: Sequence[str] = ()) -> list[str]:
        """The raions, or hromadas, that a text can mean: a P-code, a whole code, or a name, with its former ones.

        A raion may be called by its centre: Dnipro raion is Dniprovskyi.

        `length` is RAION or HROMADA; `oblasts` narrow them, as beginnings of codes (UA14).
        """
        code = text.strip()
        if _CODE.fullmatch(code) and code[:length] in self._units and len(code) >= length:
            found = [code[:length]]
        else:
            found = [unit for unit in self._by_name().get(_bare(text), ()) if len(unit) == length]
        return [unit for unit in found if not oblasts or unit[:OBLAST] in oblasts]

    def _by_name(self) -> dict[str, list[str]]:
        if not self._unit_names:
            for unit, told in self._units.items():
                centre = self._lines.get(self._centres.get(unit, ""))
                names = (*_names(told), *(_names(centre) if centre else ()))
                for name in {_bare(name) for name in names}:
                    self._unit_names.setdefault(name, []).append(unit)
        return self._unit_names


def _name(told: str) -> str:
    return told.split("\t", 2)[1]


def _names(told: str) -> Iterator[str]:
    """The present name, and the former ones."""
    yield _name(told)
    yield from (former.name for former in _formers(told))


def _formers(told: str) -> list[Former]:
    if told.endswith("\t"):
        return []
    split = (each.split("~") for each in told.rpartition("\t")[2].split("|") if each)
    return [Former(name, int(last), int(until)) for name, last, until in split]


def _bare(name: str) -> str:
    """A unit's name without its kind and without the ending of an adjective: Pokrovskyi raion and Pokrovsk are one."""
    words = [word for word in normalise(name).split() if len(word) > 1 and word not in _KINDS]
    return skeleton(" ".join(words)).rstrip("аие")
