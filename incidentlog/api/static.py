"""Pages for people, of files in the package: nothing of another host, and a policy that says so to the browser."""

import asyncio
import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from aiohttp import web

from incidentlog.api.answers import IF_NONE_MATCH
from incidentlog.api.codings import THOROUGH, coding_of, tag_of
from incidentlog.api.joined import joined
from incidentlog.api.operations import Answer, Segment
from incidentlog.errors import NotFound

TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
PACKED: Final = frozenset(TYPES.values()) - {"font/woff2"}
"""What is sent in a coding; a font is packed already."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; font-src 'self'; img-src {images}; "
    "connect-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors {framed}; "
    "require-trusted-types-for 'script'"
)
NAME: Final = Segment("name", "A file of the page.", example="app.js")
PAGE: Final[dict[str, Any]] = {
    "takes": (IF_NONE_MATCH,), "answers": (Answer(str, media="text/html"),),
}  # fmt: skip
"""What is said of a page's route,"""
FILE: Final[dict[str, Any]] = {
    "takes": (NAME, IF_NONE_MATCH), "answers": (*(Answer(str, media=media) for media in TYPES.values()),),
}  # fmt: skip
"""and of its files'."""
WHOLE: Final = "whole.js"
"""All modules of a page as one: `app.js` with what it imports."""
_IMPORT_MAP: Final = re.compile(rb'<script type="importmap">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of a page, as it is sent."""

    content: bytes
    kind: str
    etag: str
    scripts: str
    """The hash of its import map, which a policy names: browsers take no import map from another file."""


@cache
def page_files(folder: str) -> Mapping[str, PageFile]:
    """The files of one page, a folder of the package, by path in it; and its modules as one, where it asks for that."""
    found = dict(_found(files("incidentlog").joinpath(*folder.split("/")), ""))
    if WHOLE.encode() not in found["index.html"].content:
        return found
    modules = {name: file.content.decode() for name, file in found.items() if "/" not in name and name.endswith(".js")}
    return {**found, WHOLE: _page_file(joined(modules, "app.js").encode(), TYPES[".js"])}


@cache
def _packed(folder: str, name: str, coding: str) -> bytes:
    """A file of a page in a coding."""
    return THOROUGH[coding](page_files(folder)[name].content)


def _found(folder: Traversable, path: str) -> Iterator[tuple[str, PageFile]]:
    for file in folder.iterdir():
        if file.is_dir():
            yield from _found(file, f"{path}{file.name}/")
        elif (kind := TYPES.get(file.name[file.name.rfind(".") :])) is not None:
            yield path + file.name, _page_file(file.read_bytes(), kind)


def _page_file(content: bytes, kind: str) -> PageFile:
    found = _IMPORT_MAP.search(content) if kind == "text/html" else None
    return PageFile(
        content,
        kind,
        f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        "" if found is None else f" 'sha256-{b64encode(hashlib.sha256(found[1]).digest()).decode()}'",
    )


def page_headers(
    connect: str = "'none'", *, images: str = "'none'", framed: str = "'none'", scripts: str = ""
) -> dict[str, str]:
    """What every page comes with; it may connect to nothing, or to what `connect` says."""
    return {
        "Content-Security-Policy": POLICY.format(connect=connect, images=images, framed=framed, scripts=scripts),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


async def page_file(
    request: web.Request,
    folder: str,
    name: str,
    *,
    connect: str = "'none'",
    images: str = "'none'",
    framed: str = "'none'",
) -> web.Response:
    """One file of a page, which may connect to nothing, or to what `connect` says. Raises NotFound.

    `images`: from where it may take images. `framed`: who may show it in a frame.
    """
    if (file := page_files(folder).get(name)) is None:
        raise NotFound(f"the page has no file '{name[:80]}'")
    headers = {
        **page_headers(connect, images=images, framed=framed, scripts=file.scripts),
        "ETag": file.etag,
    }
    if file.kind not in PACKED:
        return web.Response(body=file.content, content_type=file.kind, headers=headers)
    body, headers["Vary"] = file.content, "Accept-Encoding"
    if (coding := coding_of(request)) is not None:
        headers |= {"Content-Encoding": coding, "ETag": tag_of(file.etag, coding)}
        # Kept, and made away from the loop: the shapes of the world take a tenth of a second, once.
        body = await asyncio.to_thread(_packed, folder, name, coding)
    return web.Response(body=body, content_type=file.kind, charset="utf-8", headers=headers)
