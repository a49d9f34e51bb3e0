"""Names of months in Ukrainian and Russian, which Python's formats of dates do not know."""

import re
from typing import Final

_NAMES: Final = (
    "січня січень січ января январь янв",
    "лютого лютий лют февраля февраль фев",
    "березня березень бер марта март мар",
    "квітня квітень квіт апреля апрель апр",
    "травня травень трав мая май",
    "червня червень черв июня июнь июн",
    "липня липень лип июля июль июл",
    "серпня серпень серп августа август авг",
    "вересня вересень вер сентября сентябрь сен сент",
    "жовтня жовтень жовт октября октябрь окт",
    "листопада листопад лист ноября ноябрь ноя нояб",
    "грудня грудень груд декабря декабрь дек",
)
_ENGLISH: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTHS: Final = {name: _ENGLISH[n] for n, names in enumerate(_NAMES) for name in names.split()}
_WORD: Final = re.compile(r"[а-яіїєґ]+\.?", re.IGNORECASE)
_YEAR: Final = frozenset({"р", "року", "г", "год", "года"})


def in_english(text: str) -> str:
    """A date with its month in English, and without a word for the year: 6 березня 2025 р. is 6 March 2025."""

    def said(found: re.Match[str]) -> str:
        word = found[0].rstrip(".").casefold()
        return "" if word in _YEAR else _MONTHS.get(word, found[0])

    return " ".join(_WORD.sub(said, text).split())
