"""Names made comparable: Odesa, ODESA and Odésa are one spelling."""

import re
import unicodedata
from typing import Final

APOSTROPHES = frozenset(
    "'\"`\u00b4\u0384\u055a\u05f3\u05f4\u07f4\u07f5\u1fbd\u1fbf\u1fef\u1ffd\u1ffe\ua78b\ua78c\uff02\uff07\uff40"
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u2034\u2035\u2036\u2037\u2057"
    "\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u02ce\u02cf\u02ee\u0374\u275b\u275c\u275d\u275e"
)
"""Joined over rather than split at: Kup'iansk is Kupiansk. Double ones stand for a hard sign in GeoNames."""

KINDS = frozenset(
    {"city", "town", "village", "settlement", "hamlet", "municipality", "of", "the", "urban", "type", "rural"}
    | {"urban type", "m", "s", "smt", "misto", "selo", "selyshche", "posyolok", "gorod"}
    | {"м", "с", "смт", "місто", "село", "селище", "г", "город", "пгт", "пос", "поселок"}
)
"""Words beside a settlement's name, normalised, that only say what kind it is."""

_KINDS_OF = {
    "city": "KM",
    "town": "KMX",
    "village": "XC",
    "misto": "KM",
    "gorod": "KM",
    "м": "KM",
    "місто": "KM",
    "г": "KM",
    "город": "KM",
    "смт": "X",
    "пгт": "X",
    "smt": "X",
    "селище": "X",
    "с": "XC",
    "село": "XC",
    "selo": "XC",
}  # fmt: skip
"""Such a word, and the categories of the register that may be called so: city, settlement (until 2024 an urban one)
and village."""
_BESIDE = re.compile(r"\([^()]*\)|/.*|,.*")


def _fold(character: str) -> str:
    """What one character becomes: letters and digits, a space, or nothing."""
    if character in APOSTROPHES:  # before NFKD, which makes a blank and a mark of U+00B4
        return ""
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


_LATIN: Final = str.maketrans(
    {"б": "b", "в": "v", "г": "h", "ґ": "h", "д": "d", "ж": "z", "з": "z", "к": "k", "л": "l", "м": "m", "н": "n"}
    | {"п": "p", "р": "r", "с": "s", "т": "t", "ф": "f", "х": "h", "ц": "c", "ч": "c", "ш": "s", "щ": "sc"}
    | {"љ": "l", "њ": "n", "ў": "v", "ь": "", "ъ": ""}
    | dict.fromkeys("аеєиіыоуэюяј", "a")
    | dict.fromkeys("eiouyj", "a")
    | {"ł": "l", "g": "h", "x": "h", "q": "k", "w": "v"}
)
"""Consonants as one letter, g as h and sh as s; every vowel as an a."""
_CONSONANTS: Final = re.compile("tsch|sch|tch|zh|sh|sz|ch|cz|kh|ts|tz")
_TWICE: Final = re.compile(r"(.)\1+")
_CONSONANT: Final = {"zh": "z", "sh": "s", "sz": "s", "sch": "s", "kh": "h"}


def sound(normalised: str) -> str:
    """What the spellings of one name in Ukrainian, Russian and their neighbours' letters share; give it normalised.

    Its consonants, and whether it ends in a vowel: Sloviansk, Slovyansk, Словянськ and Славянск are one, and so are
    Kharkiv and Харьков, while Nikopol or the adjective Slovianskyi is another. It tells a place's own name from
    the others that are told of that place, and not one place from another: Kirov and Karavai sound the same.
    """
    told = _CONSONANTS.sub(lambda found: _CONSONANT.get(found[0], "c"), normalised).translate(_LATIN).replace(" ", "")
    return _TWICE.sub(r"\1", told[:-1].replace("a", "") + told[-1:])


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


def kinds_beside(text: str) -> str:
    """The categories of the register of which the words beside a name say that it is: "m. Nikopol" is KM; else all."""
    words = normalise(text).split()
    told = [_KINDS_OF[word] for word in words if word in _KINDS_OF]
    return told[0] if len(told) == 1 and len(words) > 1 else "KMXC"


def normalise_lists(text: str) -> list[list[str]]:
    """`normalise` on many names at once: a line for each list, names parted by `|`. An empty one stays."""
    text = text.translate(_Table(keep="|\n"))
    while "  " in text:
        text = text.replace("  ", " ")
    for space, bare in ((" |", "|"), ("| ", "|"), (" \n", "\n"), ("\n ", "\n")):
        text = text.replace(space, bare)
    return [line.split("|") for line in text.strip(" ").split("\n")]
