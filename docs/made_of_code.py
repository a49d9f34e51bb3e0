"""The pages of `docs/reference/`: routes, events, projections, settings, problems, commands, as the code has them."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined
from typer.main import get_command

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog.api.app import MODULES
from incidentlog.api.openapi import make_document
from incidentlog.cli.app import app
from incidentlog.config import Settings, variables
from incidentlog.described import docstring_of
from incidentlog.errors import PROBLEMS
from incidentlog.folding.shapes import PROJECTIONS, Tally
from incidentlog.subjects import EVENTS

METHODS = ("get", "post", "put", "patch", "delete")


def write_reference(folder: Path) -> None:
    """Write every page anew; what a page does not have any more is gone."""
    folder.mkdir(exist_ok=True)
    for name, title, lines in (
        ("routes", "Routes", routes()),
        ("event-types", "Event types", events()),
        ("projections", "Projections and their dimensions", projections()),
        ("settings", "Settings", settings()),
        ("problems", "Problems", problems()),
        ("commands", "Commands", commands(get_command(app), "incidentlog")),
    ):
        told = "\n".join([f"# {title}", "", *lines]) + "\n"
        page = folder / f"{name}.md"
        if not page.exists() or page.read_text("utf-8") != told:
            page.write_text(told, "utf-8")


def routes() -> Iterator[str]:
    """Every route with its parameters; the whole is `/openapi.json`."""
    yield "Made of what `/openapi.json` says, which has the shapes of bodies and answers too; `/docs` lets one try it."
    for path, item in sorted(make_document(MODULES)["paths"].items()):
        for method in (m for m in METHODS if m in item):
            operation: dict[str, Any] = item[method]
            yield from ("", f"## {method.upper()} {path}", "", _plain(operation.get("summary", "")))
            if described := operation.get("description"):
                yield from ("", _plain(described))
            told = [p for p in operation.get("parameters", ()) if "name" in p]
            if told:
                yield from ("", "| parameter | in | meaning |", "|---|---|---|")
                yield from (f"| `{p['name']}` | {p['in']} | {_cell(p.get('description', ''))} |" for p in told)
            yield from ("", f"Answers: {', '.join(sorted(operation['responses']))}.")


def events() -> Iterator[str]:
    """Every type of events with its fields; the shapes are at `/schemas/{type}.json`."""
    yield "What `data` has beside the [envelope](../events.md); `incidentlog schema TYPE` has each as JSON Schema."
    for name, version in sorted(EVENTS.newest.items()):
        kind = EVENTS.types[name, version]
        yield from ("", f"## {name}", "", _doc(kind.model))
        yield from ("", f"Version {version}; on streams of {', '.join(sorted(kind.categories)) or 'any category'}.")
        if kind.model.model_fields:
            yield from ("", "| field | needed |", "|---|---|")
            for field, info in kind.model.model_fields.items():
                yield f"| `{field}` | {'yes' if info.is_required() else 'no'} |"


def projections() -> Iterator[str]:
    """What can be asked, and by what."""
    for name, projection in PROJECTIONS.items():
        yield from ("", f"## {name}", "", _plain(projection.title))
        if isinstance(projection, Tally):
            yield from ("", f"A tally by {_code(projection.dimensions)}; else grouped by {_code(projection.group_by)}.")
        else:
            yield from ("", "A document for each key.")


def settings() -> Iterator[str]:
    """Every setting, what it means and its default."""
    yield "Each is a variable, or a line of `incidentlog.toml`; `incidentlog config show` says what holds, and why."
    yield from ("", "| setting | default | meaning |", "|---|---|---|")
    for variable, (name, field) in variables().items():
        default = "" if field.default in (None, PydanticUndefined, "", []) else f"`{field.default}`"
        yield f"| `{variable}` | {_cell(default)} | {_cell(docstring_of(Settings, name) or '')} |"


def problems() -> Iterator[str]:
    """Every problem, by its slug."""
    yield "What a request may be refused with (RFC 9457): `type` is `/problems/<slug>`, and a slug never changes."
    yield from ("", "| slug | status | title | when |", "|---|---|---|---|")
    for kind in sorted(PROBLEMS, key=lambda kind: (kind.status, kind.slug)):
        yield f"| `{kind.slug}` | {kind.status} | {_cell(kind.title)} | {_cell(_doc(kind))} |"


def commands(command: Any, name: str) -> Iterator[str]:
    """A command with its options, and those below it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield from ("", f"## {name}", "", _plain(inspect.cleandoc(command.help or "")))
        rows = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
        if rows:
            yield from ("", "| option or argument | meaning |", "|---|---|")
            yield from (f"| `{', '.join(p.opts) or p.name}` | {_cell(getattr(p, 'help', '') or '')} |" for p in rows)
    else:
        for own, each in below.items():
            yield from commands(each, f"{name} {own}")


def _doc(of: Any) -> str:
    return _plain(inspect.getdoc(of) or "")


def _plain(text: str) -> str:
    """Text that is not taken for markup: what is between backquotes stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<*_\[\]])", r"\\\1", part) for part in parts)


def _cell(text: str) -> str:
    return " ".join(_plain(text).replace("|", "\\|").split())


def _code(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
