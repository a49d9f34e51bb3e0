"""The words by which people head the columns of their spreadsheets, and name what happened, in three languages.

English, Ukrainian and Russian. Patterns are searched in lower case.
"""

import re
from typing import Final

ROLES: Final = {
    role: re.compile(pattern)
    for role, pattern in {
        "private": r"phone|\btel\b|e-?mail|телефон|\bтел\b|пошт|почт|контакт|contact|заявник|заявитель|\bпіб\b|\bфио\b",
        "id": r"^(id|no\.?|nr\.?|№|#|n|номер|код|code|ref|incident id|event id)$|№ *(з/п|п/п)|\bid\b",
        "reported_at": r"report(ed)? (date|on|at)|date report|дата (повідомлення|сообщения|публікації|публикации)",
        "end": r"^(end|until|to)\b|end date|дата (кінця|завершення|окончания)|^(кінець|окончание)",
        "start": r"\bdate\b|\bday\b|^when|дата|^день|^коли|^когда|^start",
        "lat": r"^lat|latitude|широта",
        "lon": r"^lon|^lng|longitude|довгота|долгота",
        "admin1": r"oblast|region|province|admin ?1|област|обл\.|регіон|регион",
        "admin2": r"raion|rayon|district|admin ?2|район",
        "admin3": r"hromada|community|admin ?3|громада|община",
        "country": r"country|країна|страна",
        "name": r"settlement|\bcity\b|\btown\b|village|locality|location|place|населен|н\.? ?п\.|місто|город|село"
        r"|місце|место",
        "killed": r"killed|dead|deaths|fatalit|загин|загиб|вбит|убит|погиб",
        "injured": r"injured|wounded|поранен|ранен|травмован",
        "kind": r"\btype\b|\bkind\b|categor|what happened|^event$|^incident$|\bтип\b|\bвид\b|категор"
        r"|що (сталося|трапилось)|что (произошло|случилось)|^характер|^поді|^событи|інцидент|инцидент",
        "url": r"\burl\b|\blink\b|посилання|ссылк",
        "source": r"source|reported by|джерел|хто повідом|источник|кто сообщ",
    }.items()
}
"""What a column is for, by its header. The first that fits counts, in this order."""

STRIKES: Final = {
    "drone": r"дрон|бпла|безпілот|беспилот|шахед|drone|\buav|shahed|fpv",
    "missile": r"ракет|missile|rocket",
    "guided_bomb": r"\bкаб\b|авіабомб|авиабомб|guided bomb|glide bomb",
    "other": r"авіа|авиа|air ?strike|бомбард|bomb",
}
"""Kinds of incident that are strikes, by their means."""

KINDS: Final = {
    "mine": r"\bмін[аиіу]|\bмин[аыуе]|на мін|на мин|вибухонебезп|взрывоопасн|\bmine|\buxo\b|\berw\b",
    "shelling": r"обстріл|обстрел|shell|артилер|артиллер|міномет|миномет|рсзв|рсзо|mortar|\bград\b",
    "clash": r"сутичк|столкнов|зіткнен|перестріл|перестрел|\bбій\b|\bбої\b|\bбой\b|\bбои\b|штурм|clash|fight|battle",
    "sabotage": r"диверс|sabotage|підпал|поджог|arson",
    "maritime": r"морськ|морск|maritime|at sea",
    "cyber": r"кібер|кибер|cyber",
}
"""Kinds of incident, by the words for them."""

MISSING: Final = frozenset({
    "-", "?", "n/a", "na", "no data", "no information", "none", "unknown", "\u2013", "\u2014",
    "н.д.", "н/д", "невідомо", "немає", "немає даних", "неизвестно", "не встановлено", "не установлено", "нет",
    "нет данных", "уточнюється", "уточняется",
})  # fmt: skip
"""What stands in a cell of which nothing is known."""
TOTALS: Final = re.compile(r"^(total|sum|разом|всього|усього|итого|всего)\b")
"""The first cell of a row that sums up those above."""
