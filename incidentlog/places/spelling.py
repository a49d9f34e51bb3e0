"""Ukrainian names in the field's letters, and what the spellings of one name in the languages around have in common."""

import re
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
_VOWELS: Final = tuple(
    (re.compile(runs), vowel)
    for runs, vowel in (
        ("[еиоу]*а[аеиоу]*", "а"),
        ("[еио]*у[еио]*", "у"),
        (r"[еио]*и(?=[ \n]|\Z)", "и"),
        (r"[еио]*[ео](?=[ \n]|\Z)", "е"),
        (r"[еио]+(?=[^еио \n])", "о"),
    )
)
"""What a run of vowels becomes: а where it has one, else у; else what the two languages write differently is one letter
within a word (Харків, Харьков), and at its end и (Піски, Пески; -ий, -ый) or е (Красне, Красное)."""
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
    for runs, vowel in _VOWELS:
        text = runs.sub(vowel, text)
    text = _TWICE.sub(r"\1", text)
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
