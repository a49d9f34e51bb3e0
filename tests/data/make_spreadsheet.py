"""Writes the spreadsheet of a new user: 300 invented rows, as people write them in two languages."""

import csv
import sys
from datetime import date, timedelta
from itertools import cycle

PLACES = (
    ("Одеса (Київський р-н)", "Одеська обл."), ("Харьков (Салтовский район)", "Харьковская область"),
    ("м. Херсон", "Херсонська область"), ("Краматорськ", "Донецька обл."), ("Никополь", "Дніпропетровська"),
    ("Запоріжжя (Шевченківський р-н)", "Запорізька обл."), ("г. Николаев", "Николаевская обл."),
    ("Куп'янськ", "Харківська"), ("Покровск", "Донецкая область"), ("Сумы (Ковпаковский р-н)", "Сумская обл."),
    ("с. Козача Лопань", "Харківська область"), ("Вовчанськ", "Харківська обл."), ("Чернигов", "Черниговская"),
    ("смт Велика Олександрівка", "Херсонська обл."), ("Kherson", "Kherson oblast"),
)  # fmt: skip
KINDS = ("обстріл", "обстрел", "удар БпЛА", "атака дронов", "сутичка", "підрив на міні", "ракетний удар", "Обстріл ")
KILLED = ("0", "1", "щонайменше 3", "не менее 2", "1-2", "немає даних", "близько 5", "", "at least 4", "н/д")
INJURED = ("2", "понад 10", "до 7", "", "около 6", "кілька", "12", "3+")
MONTHS = {1: "січня", 2: "февраля", 3: "березня", 4: "апреля", 5: "травня", 6: "июня"}
SOURCES = ("ДСНС", "Telegram ОВА", "очевидець", "")


def day(when: date, n: int) -> str:
    """A date in one of three forms."""
    if n % 3 == 0:
        return when.strftime("%d.%m.%Y")
    return f"{when.day} {MONTHS[when.month]} {when.year}" + " р." * (n % 2) if n % 3 == 1 else when.isoformat()


def rows() -> list[list[str]]:
    """The rows, under their header."""
    made = [
        [
            "№",
            "Дата",
            "Населений пункт",
            "Область",
            "Що сталося",
            "Загинуло",
            "Поранено",
            "Джерело",
            "Телефон",
            "Примітка",
        ]
    ]
    figures = zip(cycle(PLACES), cycle(KINDS), cycle(KILLED), cycle(INJURED), cycle(SOURCES), strict=False)
    for n, ((place, oblast), kind, killed, injured, source) in zip(range(300), figures, strict=False):
        when = date(2025, 1, 3) + timedelta(days=n // 2)
        made.append(
            [
                str(n + 1),
                day(when, n),
                place,
                oblast,
                kind,
                killed,
                injured,
                source,
                f"+38 050 555 {n:04}",
                f"рядок; {n}",
            ]
        )
    return made


csv.writer(sys.stdout, delimiter=";", lineterminator="\r\n").writerows(rows())
