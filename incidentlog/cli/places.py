"""`incidentlog places`: how a name would resolve, and places that the gazetteer lacks."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, Refused, ending, run, say, told_fault
from incidentlog.cli.group import Group
from incidentlog.cli.options import Output
from incidentlog.cli.paging import pages

if TYPE_CHECKING:
    from uuid import UUID

    from incidentlog.cli.asking import Service
    from incidentlog.cli.columns import Columns
    from incidentlog.places import Place

app = typer.Typer(cls=Group, help="Places: look one up, add what the gazetteer lacks.", no_args_is_help=True)

PAGE: Final = 1_000
NEAR_KM: Final = 30.0
"""An event whose point is farther off is of another place of the name."""
TRIES: Final = 50
WAIT_SECONDS: Final = 0.2
"""A service knows a new place once it has read the log so far; it is asked again for ten seconds."""

Country = Annotated[str | None, typer.Option("--country", help="ISO 3166-1 alpha-2.", show_default=False)]


@app.command()
def search(
    name: Annotated[str, typer.Argument(help="A place's name, in any spelling.")],
    country: Country = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="The most places.")] = 8,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Say how a name would resolve, and list the places that it, or a name that begins so, can mean."""
    run(_search(url, key, name, country, limit, options.form(output)))


async def _search(url: str, key: str | None, name: str, country: str | None, limit: int, output: Output) -> int | None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    asked = [("q", name), ("limit", str(limit)), *([("country", country)] if country else [])]
    async with Service(url, key) as service:
        found = await service.get("/v1/places", asked)
    resolution = found["resolution"]
    write(found["suggestions"], output, whole=found, columns=COLUMNS)
    say(f"{name}: {resolution['place_id'] or 'no place'} ({resolution['how']}). {found['attribution']}")
    return None if found["suggestions"] else Code.NOT_FOUND


COLUMNS: Final["Columns"] = {
    "place": lambda row: row["place_id"],
    "name": lambda row: row["name"],
    "region": lambda row: row["admin1"],
    "raion": lambda row: row["admin2_name"],
    "hromada": lambda row: row["admin3_name"],
    "people": lambda row: row["population"] or None,
    "was called": lambda row: ", ".join(each["name"] for each in row["former_names"]) or None,
    "match": lambda row: row["match"],
}


@app.command()
def register(
    slug: Annotated[str, typer.Argument(help="What it is referred to by: place:<slug>.")],
    name: Annotated[str, typer.Option("--name", help="What it is called.")],
    lat: Annotated[float, typer.Option("--lat", min=-90, max=90, help="Degrees north.")],
    lon: Annotated[float, typer.Option("--lon", min=-180, max=180, help="Degrees east.")],
    names: Annotated[list[str] | None, typer.Option("--also", help="Another spelling; repeat for several.")] = None,
    country: Country = None,
    admin1: Annotated[
        str | None, typer.Option("--admin1", help="Its region: UA.05, ISO 3166-2 or a name.", show_default=False)
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Amend the events that name it and were not resolved.")
    ] = False,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Register a place, and with --apply move there the events that name it.

    An event is moved by an amendment, so that history stays: if its place was not found, and it has the name, and
    either the region or a point within 30 km. What names it without a region and a point may be of another place, and
    is only counted. A region that is not given is that of the nearest place. The same again adds nothing.
    """
    told = {"slug": slug, "name": name, "names": names, "country": country, "admin1": admin1, "lat": lat, "lon": lon}
    run(_register(url, key, _located({k: v for k, v in told.items() if v is not None}), apply=apply))


@app.command()
def load(
    file: Annotated[
        Path, typer.Argument(help="GeoNames' dump of a country, such as UA.txt or UA.zip.", exists=True, dir_okay=False)
    ],
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where the service keeps everything.", show_default=False)
    ] = None,
) -> None:
    """Load a full dump of GeoNames for a country; a service that is started afterwards knows every settlement of it.

    Of Ukraine it gives coordinates and Russian names to the register's settlements, which keep their ids. Events that
    were appended before stay as they were. Each machine that appends needs it.
    """
    from incidentlog.cli.settings import load_settings
    from incidentlog.embedded.root import Root, data_root
    from incidentlog.files import STAGING_PREFIX
    from incidentlog.places import LOADED, bundled
    from incidentlog.places.build_gazetteer import pack
    from incidentlog.places.dump import DumpError, read_dump, with_register

    with ending():
        root = Root.at(data_root(load_settings(data_dir=data_dir).data_dir))
        try:
            dump = read_dump(_lines(file))
        except (DumpError, UnicodeDecodeError) as wrong:
            raise Failed(f"{file} is not loaded:\n{wrong}", Code.USAGE) from wrong
        kept = with_register(dump, bundled())
        root.prepare()
        folder = root.path / "places"
        folder.mkdir(exist_ok=True)
        path = folder / f"{kept.country}{LOADED}"
        staged = folder / f"{STAGING_PREFIX}{path.name}"
        staged.write_bytes(pack(kept.text))
        staged.replace(path)
    say(f"{path}: {kept.count:,} of {dump.count:,} settlements of {kept.country}; start the service again to use them")


def _lines(file: Path) -> Iterator[str]:
    """The lines of a dump, or of the one in a zip file beside its readme."""
    from io import TextIOWrapper
    from zipfile import ZipFile, is_zipfile

    if not is_zipfile(file):
        with file.open(encoding="utf-8") as lines:
            yield from lines
        return
    with ZipFile(file) as packed:
        names = [name for name in packed.namelist() if name.endswith(".txt") and "readme" not in name]
        if len(names) != 1:
            raise Failed(f"{file} holds {len(names)} dumps: one is needed", Code.USAGE)
        yield from TextIOWrapper(packed.open(names[0]), encoding="utf-8")


def _located(place: dict[str, Any]) -> dict[str, Any]:
    """A place with its region, where that is not given as the nearest place's."""
    from incidentlog.places import PlaceQuery, Resolver, region_key

    if "admin1" in place:
        return place
    found = Resolver().resolve(PlaceQuery(None, country=place.get("country"), lat=place["lat"], lon=place["lon"]))
    region = region_key(found.country, found.admin1)
    if region is None:
        return place
    say(f"its region is taken to be {region}: {found.nearest} is {found.distance_km} km off")
    return {**place, "country": found.country, "admin1": region}


async def _register(url: str, key: str | None, place: Mapping[str, Any], *, apply: bool) -> int | None:
    from incidentlog.cli.asking import Service

    async with Service(url, key) as service:
        await _append(service, [_registration(place)])
        sought = _sought(place)
        named = [event async for event in _unresolved(service) if _is_named(event, place)]
        moved = [event for event in named if _is_there(event, sought)]
        left = len(named) - len(moved)
        if apply:
            await _append(service, [_amendment(event, sought.place_id) for event in moved])
    open_ones = f"; {left:,} name it without its region or a point near it, and stay" if left else ""
    say(f"{sought.place_id}: {len(moved):,} events {'moved' if apply else 'would be moved with --apply'}{open_ones}")
    return None


def _sought(place: Mapping[str, Any]) -> "Place":
    """The place as it will be known: its region as a code."""
    from incidentlog.places import Overlay, Place

    place_id = f"place:{place['slug']}"
    known = Overlay()
    known.add(Place(place_id, place["name"], place.get("country"), place.get("admin1"), place["lat"], place["lon"]))
    return next(iter(known))


def _registration(place: Mapping[str, Any]) -> dict[str, Any]:
    stream = f"place:{place['slug']}"
    said = {"type": "place.registered", "stream": stream, "data": dict(place)}
    return {"id": str(_id(stream, said)), **said}


def _amendment(event: Mapping[str, Any], place_id: str) -> dict[str, Any]:
    patch = {"place": {"place_id": place_id}}
    data = {"target": event["id"], "patch": patch, "reason": f"{place_id} was registered later"}
    return {"id": str(_id(event["id"], patch)), "type": "record.amended", "data": data}


def _id(subject: str, said: Mapping[str, Any]) -> "UUID":
    """The same for the same, so that a command that is given again adds nothing."""
    from uuid import NAMESPACE_URL, uuid5

    import orjson

    return uuid5(NAMESPACE_URL, f"incidentlog:places:{subject}:{orjson.dumps(said, option=orjson.OPT_SORT_KEYS)!r}")


async def _unresolved(service: "Service") -> AsyncIterator[Mapping[str, Any]]:
    """The events of a settlement that was not found, and has not been amended or retracted since."""
    amended: set[str] = set()
    async for page in pages(service, "/v1/events", [("type", "record.amended")]):
        amended |= {
            event["data"]["target"] for event in page["events"] if event["data"] and "place" in event["data"]["patch"]
        }
    async for page in pages(service, "/v1/events"):
        for event in page["events"]:
            found = (event["place"] or {}).get("resolved") or {}
            is_open = found.get("key") or ("place_id" not in found and found.get("how") in {"unresolved", "ambiguous"})
            if is_open and event["status"] in {"effective", "amended"} and event["id"] not in amended:
                yield event


def _is_named(event: Mapping[str, Any], place: Mapping[str, Any]) -> bool:
    """Whether an event's place has one of the names, as names are compared."""
    from incidentlog.places import normalise, settlement_name

    told = event["place"].get("name")
    names = {normalise(name) for name in (place["name"], *place.get("names", ()))}
    return bool(told) and not names.isdisjoint({normalise(told), normalise(settlement_name(told))})


def _is_there(event: Mapping[str, Any], place: "Place") -> bool:
    """Whether an event is in the region of the place, and not far off; a point near it is enough."""
    from incidentlog.places import distance_km, region_key

    found = event["place"]["resolved"]
    if found.get("country") not in {None, place.country} or place.point is None:
        return False
    if found.get("lat") is not None:
        return distance_km(found["lat"], found["lon"], *place.point) <= NEAR_KM
    region = region_key(place.country, place.admin1)
    return found["how"] == "unresolved" and region is not None and found.get("admin1") == region


async def _append(service: "Service", events: Sequence[Mapping[str, Any]]) -> None:
    """Append events, a thousand at a time; what a service does not know yet is asked again for a while."""
    for n in range(0, len(events), PAGE):
        await _append_some(service, events[n : n + PAGE])


async def _append_some(service: "Service", events: Sequence[Mapping[str, Any]]) -> None:
    import asyncio

    import orjson

    body = b"\n".join(orjson.dumps(event) for event in events)
    for tried in range(TRIES):
        try:
            told = await service.post("/v1/events/bulk", body, "application/x-ndjson")
        except Refused as refused:
            if tried + 1 == TRIES or {fault.get("code") for fault in refused.faults} != {"unknown_place"}:
                raise
            await asyncio.sleep(WAIT_SECONDS)
            continue
        for warning in told.get("warnings", ()):
            say(f"warning: {told_fault(warning)}")
        return
