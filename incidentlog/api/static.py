"""Pages for people, of files in the package: nothing of another host, and a policy that says so to the browser."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from aiohttp import web

from incidentlog.errors import NotFound

TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src {connect}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


@cache
def page_files(folder: str) -> Mapping[str, tuple[bytes, str, str]]:
    """The files of one page, a folder beside this module, by name: their bytes, their type and their ETag."""
    found = {}
    for file in (files("incidentlog.api") / folder).iterdir():
        kind = TYPES.get(file.name[file.name.rfind(".") :])
        if kind is not None:
            content = file.read_bytes()
            found[file.name] = content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return found


def page_headers(connect: str = "'none'") -> dict[str, str]:
    """What every page comes with; it may connect to nothing, or to what `connect` says."""
    return {
        "Content-Security-Policy": POLICY.format(connect=connect),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


def page_file(request: web.Request, folder: str, name: str, *, connect: str = "'none'") -> web.Response:
    """One file of a page, which may connect to nothing, or to what `connect` says. Raises NotFound."""
    if name not in page_files(folder):
        raise NotFound(f"the page has no file '{name[:80]}'")
    content, kind, etag = page_files(folder)[name]
    headers = {**page_headers(connect), "ETag": etag}
    if etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)
