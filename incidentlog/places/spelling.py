"""Ukrainian names in the field's letters, and what the spellings of one name in the languages around have in common."""

import re
from collections.abc import Callable
from typing import Final

from incidentlog.places.normalise import APOSTROPHES, normalise

_LETTERS: Final = {
    "а": "a", "б": "b", "в": "v", "г": "h", "ґ": "g", "д": "d", "е": "e", "є": "ie", "ж": "zh", "з": "z", "и": "y",
    "і": "i", "ї": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ь": "", "ю": "iu",
    "я": "ia",
}  # fmt: skip
_FIRST: Final = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}
"""At the beginning of a word."""
_ROMAN: Final = str.maketrans(
    _LETTERS | {c.upper(): r.capitalize() for c, r in _LETTERS.items()} | dict.fromkeys(APOSTROPHES, "")
)
_ROMAN_FIRST: Final = {**_FIRST, **{c.upper(): r.capitalize() for c, r in _FIRST.items()}}
_BEGINS: Final = re.compile(r"(?<![\w'’ʼ])[єїйюяЄЇЙЮЯ]")

EXCEPTIONS: Final = {"Євпаторія": "Yevpatoria", "Феодосія": "Feodosia"}
"""What the field writes otherwise than by the rule."""


def romanise(name: str) -> str:
    """A Ukrainian name as the field writes it: Mykolaiv, Avdiivka, Zaporizhzhia, Kryvyi Rih.

    By the one national rule (Cabinet of Ministers of Ukraine, resolution 55 of 27 January 2010): a letter has one form
    at the beginning of a word and one elsewhere, the soft sign and the apostrophe go, and зг is zgh.
    """
    if name in EXCEPTIONS:
        return EXCEPTIONS[name]
    begun = _BEGINS.sub(lambda found: _ROMAN_FIRST[found[0]], name)
    return begun.replace("зг", "zgh").replace("Зг", "Zgh").translate(_ROMAN)


_DIGRAPHS: Final = (
    ("zgh", "з г"), ("shch", "щ"), ("sch", "щ"), ("zh", "ж"), ("kh", "х"), ("ch", "ч"), ("sh", "ш"),
    ("ts", "ц"), ("tz", "ц"), ("тс", "ц"), ("сч", "щ"),
)  # fmt: skip
_ONE_LETTER: Final = str.maketrans(
    {"b": "б", "v": "в", "w": "в", "h": "г", "g": "г", "ґ": "г", "х": "г", "d": "д", "z": "з", "k": "к", "q": "к"}
    | {"c": "ц", "l": "л", "ł": "л", "m": "м", "n": "н", "p": "п", "r": "р", "s": "с", "t": "т", "f": "ф", "x": "кс"}
    | {"a": "а", "я": "а", "u": "у", "ю": "у", "e": "е", "є": "е", "э": "е", "ё": "е", "o": "о", "ь": "", "ъ": ""}
    | dict.fromkeys("iyjиіыј", "и")
)
_ENDS: Final = re.compile(r"[аеиоу]+(?=[ \n]|$)")
_WITHIN: Final = re.compile(r"[аеиоу]+(?![аеиоу \n]|$)")
_TWICE: Final = re.compile(r"([^ \n])\1+")
_NAMES: Final = (
    ("алоксан", "олоксан"),
    ("алокс", "олокс"),
    ("нокол", "мокол"),
    ("констант", "костант"),
    ("окатор", "катор"),
)
"""First names that Russian begins otherwise, within what the vowels were made of."""


def skeletons(normalised: str) -> str:
    """`skeleton` of many names at once, a line each; a few passes over the text, so that a register takes no second."""
    text = normalised
    for written, letter in _DIGRAPHS:
        text = text.replace(written, letter)
    text = text.replace("з г", "зг").translate(_ONE_LETTER)
    text = _TWICE.sub(r"\1", _ENDS.sub(_final, _WITHIN.sub(_vowel, text)))
    for russian, ukrainian in _NAMES:
        text = text.replace(russian, ukrainian)
    return text


def skeleton(name: str) -> str:
    """What the Ukrainian, Russian and transliterated spellings of one name share.

    Новокатеринівка, Новоекатериновка, Novokaterynivka and Novoekaterinovka are one; Vyshneve, Vyshnevyi and Vyshnivka
    are three. Finer than `sound`: consonants stay as they are, of the vowels a and u do, and of a word's last vowel
    its kind.
    """
    return skeletons(normalise(name))


def _vowel(run: re.Match[str]) -> str:
    """Within a word, one letter for all that the two languages write differently (Харків, Харьков)."""
    return "а" if "а" in run[0] else "у" if "у" in run[0] else "о"


def _final(run: re.Match[str]) -> str:
    """At its end: Красне and Красное are one, Дебальцеве and Дебальцево, Піски and Пески; -ий and -ый."""
    kinds: tuple[tuple[str, Callable[[str], bool]], ...] = (
        ("а", lambda told: "а" in told),
        ("у", lambda told: "у" in told),
        ("и", lambda told: told[-1] == "и"),
    )
    return next((kind for kind, fits in kinds if fits(run[0])), "е")
