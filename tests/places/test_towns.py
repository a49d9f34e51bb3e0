"""Every place of 10,000 people and more, in all its own spellings."""

import gzip
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files

import pytest

from incidentlog.places import PlaceQuery, Resolver, normalise
from incidentlog.places.normalise import APOSTROPHES, sound

COUNTRIES = frozenset({"UA", "RU", "BY", "MD"})
NAMESAKES = {
    "UA": """
        Antonivka, Avdiyivka, Bahacheve, Bakhmach, Balakliya, Bar, Baranivka, Berehove, Berezan, Berezhany, Berezne,
        Berezniaky, Beryslav, Bilohorodka, Bilopillia, Bilozerske, Bilyayivka, Bilychi, Bohuslav, Bolekhiv,
        Borshchahivka, Borshchiv, Boryslav, Boyarka, Brody, Bucha, Chaiky, Cheremushky, Chornomorske, Darnytsya,
        Debaltseve, Demiyivka, Desna, Dobropillia, Dolyna, Dubno, Dunayivtsi, Hadyach, Hatne, Haysyn, Hayvoron, Hirnyk,
        Hladkivka, Hlukhiv, Holubivka, Horodnia, Horodok, Horodyshche, Hulyaypole, Hvardiyske, Illintsi, Inhulets,
        Inkerman, Kaharlyk, Kakhovka, Kal'mius'ke, Kalynivka, Kamyanka, Karlivka, Katerynivka, Khmilnyk, Khorol,
        Khreshchatyi Yar, Khrestivka, Knyahynyn, Korolevo, Kostyantynivka, Kozyatyn, Krasnohorivka, Kremenets, Kreminna,
        Kurenivka, Kyivskyi, Lazurnyi, Lebedyn, Levada, Liubotyn, Lubny, Lukyanivka, Luzanivka, Lyman, Lymanka, Lypky,
        Malyn, Mena, Molodizhne, Mykhaylivka, Mykolaivka, Myrnyi, Myronivka, Nemyriv, Nosivka, Novooleksiyivka,
        Novotroyitske, Novoukrayinka, Nyvky, Obolon, Obukhiv, Oleksiyivka, Oleshky, Pelahiivka, Pidhorodnye, Pisochyn,
        Pivdenne, Pivnichne, Podil, Polohy, Primorskyi, Prymorskyi, Pyatykhatky, Pyryatyn, Radomyshl, Rakivka, Rakove,
        Rovenky, Rusanivka, Sarny, Shakhtarske, Shevchenkivskyi, Shevchenko, Slavuta, Slobozhanske, Snihurivka,
        Sofiivska Borschahivka, Sofiyivka, Sonyachnyi, Sosnivka, Stare Misto, Stebnyk, Svatove, Synelnykove, Tarashcha,
        Ternivka, Terny, Trostyanets, Tsentralno-Miskyi, Tsentralnyi, Ukrayinka, Uzyn, Valky, Vasylivka, Vasylkiv,
        Voskresenka, Vynnyky, Vynohradar, Vyshneve, Vysokyi, Yakymivka, Yampil, Yavoriv, Zbarazh, Zhdanivka,
        Zhuravlivka, Zlatopil, Znamyanka, Zolochiv, Zolote, Zvenyhorodka
    """,
    "RU": """
        Aginskoye, Aksay, Aleksandrovskoye, Alekseyevka, Annino, Ardon, Beloyarskiy, Belyy Yar, Beryozovsky, Berëzovka,
        Berëzovskiy, Blagoveshchensk, Buinsk, Bykovo, Donskoy, Donskoye, Dubovka, Dzerzhinskiy, Dzerzhinsky,
        Fedorovskiy, Glubokiy, Gornozavodsk, Gornyak, Gorodishche, Gur’yevsk, Ivanteyevka, Kamenka, Karabash,
        Kazanskaya, Kirovsk, Kizel, Kizlyar, Klyuchi, Kommunar, Komsomol’skiy, Kozlovka, Krasnoarmeysk,
        Krasnoarmeyskaya, Krasnogorskiy, Krasnogvardeyskoye, Krasnoslobodsk, Krasnoznamensk, Krasnyy Yar, Krylovskaya,
        Kurovskoye, Kur’yanovo, Kyzyl, Leninsk, Lesnoy, Linëvo, Lopatino, Manturovo, Mariinsk, Markova, Mayskiy,
        Mikhaylovka, Mikhaylovsk, Mikhaylovskoye, Mirny, Mirnyy, Moskovskiy, Muromtsevo, Neftegorsk, Nekrasovskiy,
        Nikol’sk, Nikol’skoye, Novomikhaylovskiy, Obukhovo, Oktyabrsky, Oktyabr’skiy, Orlovskiy, Osa, Otradnoye,
        Otradnyy, Pavlovsk, Pervomayskiy, Petrovsk, Petrovskaya, Pionerskiy, Pokrovskoye, Privolzhskiy, Raduzhny,
        Raduzhnyy, Revda, Rodniki, Rossosh’, Rybnoye, Safonovo, Sayansk, Shilovo, Snezhnogorsk, Sokol, Solnechniy,
        Solnechnyy, Sosnovka, Sosnovoborsk, Sovetsk, Sovetskaya, Sovetskiy, Stepnoye, Sunzha, Svetlogorsk, Svetlyy,
        Svobodnyy, Talitsa, Troitsk, Troitskaya, Troitskiy, Troitskoye, Udel’naya, Uspenskoye, Vetluzhskiy, Vostochnyy,
        Vostryakovo, Yaroslavskiy, Yasnogorsk, Yermolino, Yubileyny, Yuzhnyy, Zapolyarnyy, Zarechnyy, Zarya,
        Zavety Il’icha, Zelenogorsk, Zheleznogorsk, Zhukovka, Znamenka, Znamensk, Znamenskoye
    """,
    "MD": "Briceni",
}
"""Names of several places of one country, whose people do not tell which is meant: a region or a point does."""
SMALLER = {("Mykolayiv", "15"), ("Kirov", "25")}
"""Towns that bear the name of a city of more than ten times their people, which is meant without a region."""


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    return Resolver()


def towns() -> Iterator[tuple[str, str, str, str, set[str]]]:
    """Id, name, country, region, and the spellings of the name, in Latin and Cyrillic."""
    packed = files("incidentlog.places").joinpath("data/places.tsv.gz").read_bytes()
    for line in gzip.decompress(packed).decode().split("\n")[1:-1]:
        number, name, country, admin1, _, _, population, _, others = line.split("\t")
        if country in COUNTRIES and int(population) >= 10_000:
            own = sound(normalise(name))
            spellings = {other for other in others.split("|") if sound(normalise(other)) == own}
            yield f"geonames:{number}", name, country, admin1, {name, *spellings}


def test_a_town_is_found_by_each_of_its_spellings_or_shares_its_name_and_by_none_is_another_found(resolver: Resolver):
    several: dict[str, set[str]] = defaultdict(set)
    others, asked = set(), 0
    for place_id, name, country, admin1, spellings in towns():
        for spelling in spellings:
            found, asked = resolver.resolve(PlaceQuery(spelling, country=country)), asked + 1
            if found.how == "ambiguous":
                assert place_id in {place.place_id for place in found.candidates} or len(found.candidates) == 8
                several[country].add(name)
            elif found.place_id != place_id:
                others.add((name, admin1))
    assert asked > 14_000
    assert others == SMALLER
    assert several == {
        country: {name.strip() for name in names.replace("\n", " ").split(",")} for country, names in NAMESAKES.items()
    }


def test_with_its_region_a_city_of_ukraine_is_found_by_each_of_its_spellings(resolver: Resolver):
    open_ones = set()
    for place_id, name, country, admin1, spellings in towns():
        place = resolver.find(place_id)
        assert place is not None
        if resolver.gazetteer.register.category(place.katottg) in {"K", "M"}:
            found = {resolver.resolve(PlaceQuery(each, country=country, admin1=admin1)).place_id for each in spellings}
            if found != {place_id}:
                open_ones.add((name, admin1))
    assert open_ones == {("Dunayivtsi", "09"), ("Slobozhanske", "07")}


def test_with_its_region_a_town_is_never_another(resolver: Resolver):
    for place_id, _, country, admin1, spellings in towns():
        for spelling in spellings:
            found = resolver.resolve(PlaceQuery(spelling, country=country, admin1=admin1))
            assert found.place_id == place_id or found.how == "ambiguous"


def test_whichever_apostrophe_is_typed_and_also_none_the_town_is_the_same(resolver: Resolver):
    asked = 0
    for _, _, country, admin1, spellings in towns():
        for spelling in spellings:
            if not APOSTROPHES.isdisjoint(spelling):
                found = resolver.resolve(PlaceQuery(spelling, country=country, admin1=admin1))
                for typed in ("", "'", "\u2019", "\u02bc", "\u00b4", "`", '"', "\u201d"):
                    other = "".join(typed if c in APOSTROPHES else c for c in spelling)
                    told = resolver.resolve(PlaceQuery(other, country=country, admin1=admin1))
                    assert (told.place_id, told.how) == (found.place_id, found.how)
                    asked += 1
    assert asked > 8_000


@pytest.mark.parametrize("country", [None, "UA"])
@pytest.mark.parametrize(
    ("spellings", "place_id"),
    [
        ("Sloviansk|Slovyansk|Slaviansk|Словянськ|Слов'янськ|Слов\u00b4янськ|Славянск", "geonames:693468"),
        ("Voznesensk|Voznesens'k|Вознесенськ|Вознесенск", "geonames:688860"),
        ("Podilsk|Podil's'k|Подільськ", "geonames:704679"),
        ('Kamianske|Kamyanske|Кам\u00b4янське|Кам\u02bcянське|Кам"янське|Камянське', "geonames:709932"),
    ],
)
def test_a_city_is_one_place_in_all_its_spellings_though_another_once_bore_the_name(
    resolver: Resolver, spellings: str, place_id: str, country: str | None
):
    found = {name: resolver.resolve(PlaceQuery(name, country=country)).place_id for name in spellings.split("|")}
    assert set(found.values()) == {place_id}


def test_a_former_name_still_finds_its_town_where_it_is_nobodys_own(resolver: Resolver):
    found = {
        name: resolver.resolve(PlaceQuery(name, country="UA")).name for name in ("Artemivsk", "Котовськ", "Жданов")
    }
    assert found == {"Artemivsk": "Bakhmut", "Котовськ": "Podilsk", "Жданов": "Zhdaniv"}


def test_villages_of_a_name_are_meant_before_a_city_that_once_bore_it(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Oleksandrivka", country="UA"))
    assert (found.place_id, found.how) == (None, "ambiguous")
    assert {place.name for place in found.candidates} == {"Oleksandrivka"}
