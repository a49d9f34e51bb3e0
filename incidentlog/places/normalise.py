"""Names made comparable: Odesa, ODESA and Odésa are one spelling."""

import re
import unicodedata

APOSTROPHES = frozenset(
    "'`\u00b4\uff07\ua78c"
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u2035"
    "\u02b9\u02ba\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb"
)
"""Joined over rather than split at: Kup'iansk is Kupiansk. Double ones stand for a hard sign in GeoNames."""

KINDS = frozenset(
    {"city", "town", "village", "settlement", "hamlet", "municipality", "of", "the", "urban", "type", "rural"}
    | {"urban type", "m", "s", "smt", "misto", "selo", "selyshche", "posyolok", "gorod"}
    | {"м", "с", "смт", "місто", "село", "селище", "г", "город", "пгт", "пос", "поселок"}  # noqa: RUF001 (Cyrillic)
)
"""Words beside a settlement's name, normalised, that only say what kind it is."""

_BESIDE = re.compile(r"\([^()]*\)|/.*|,.*")


def _fold(character: str) -> str:
    """What one character becomes: letters and digits, a space, or nothing."""
    folded = unicodedata.normalize("NFKD", _bare(unicodedata.normalize("NFKD", character)).casefold())
    return _bare(folded)


def _bare(text: str) -> str:
    return "".join(kept for c in text if (kept := _keep(c)))


def _keep(character: str) -> str:
    if character in APOSTROPHES or unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}:
        return ""
    return character if character.isalnum() else " "


class _Table(dict[int, str]):
    """Code point -> what it becomes, worked out when first met.

    One look-up a character, in C, is what lets the whole gazetteer be normalised while the service starts. It
    gives the same as NFKD, casefold and removal on the whole text: no step looks at neighbours, save for the
    order of the marks, and those go.
    """

    def __init__(self, keep: str = "") -> None:
        super().__init__({ord(c): c for c in keep})

    def __missing__(self, code_point: int) -> str:
        folded = self[code_point] = _fold(chr(code_point))
        return folded


_NAME = _Table()


def normalise(name: str) -> str:
    """NFKD, casefold; no marks, apostrophes or punctuation; single spaces. Idempotent; may be empty.

    A hyphen or a dot is a space (Rostov-on-Don is rostov on don); an apostrophe is nothing. Cyrillic loses
    its marks as Latin does, and is not turned into Latin: the gazetteer knows both spellings.
    """
    return " ".join(name.translate(_NAME).split())


def settlement_name(text: str) -> str:
    """The name without what is beside it: "Kiev/Kyiv city (Maidan)" is Kiev, "village of Pisky" is Pisky.

    For importers: `resolve` takes names as they are. What would leave nothing is given back as it was.
    """
    words = _BESIDE.sub("", text).split()
    while len(words) > 1 and normalise(words[-1]) in KINDS:
        words.pop()
    while len(words) > 1 and normalise(words[0]) in KINDS:
        words.pop(0)
    return " ".join(words) or text


def normalise_lists(text: str) -> list[list[str]]:
    """`normalise` on many names at once: a line for each list, names parted by `|`. An empty one stays."""
    text = text.translate(_Table(keep="|\n"))
    while "  " in text:
        text = text.replace("  ", " ")
    for space, bare in ((" |", "|"), ("| ", "|"), (" \n", "\n"), ("\n ", "\n")):
        text = text.replace(space, bare)
    return [line.split("|") for line in text.strip(" ").split("\n")]
