"""The modules of a page as one: most of a first load is what each request costs a browser.

Made of the files as they are when it is first asked for: nothing is built, and nothing can be out of date. Only the
page's own modules are put together, which are written as is said here; what they import by a bare name stays a module
of its own, by the import map. An import or export that is written otherwise is refused, so that no page half works.

- `import { a, b as c } from "./x.js";`, `import name from "library";`, each on a line of its own.
- `export` before a `const`, a `function` or a `class`; `export { a, b };`; `export { a } from "library";`
- No `export let`, whose name would be another value for who imported it; nothing that imports itself by others; and no
  `await` outside functions but in the first module, as each other one becomes the body of a function.
"""

import re
from collections.abc import Mapping
from typing import Final

NAME: Final = r"[A-Za-z_$][\w$]*"
IMPORT: Final = re.compile(rf'^import (?P<names>\{{[^}}]*\}}|{NAME}) from "(?P<source>[^"]+)";$', re.MULTILINE)
AGAIN: Final = re.compile(r'^export (?P<names>\{[^}]*\})(?: from "(?P<source>[^"]+)")?;$', re.MULTILINE)
DECLARED: Final = re.compile(rf"^export (?=(?:const|class|(?:async )?function\*?) (?P<name>{NAME})\b)", re.MULTILINE)
UNREAD: Final = re.compile(r"^(?:import|export)\b(?! *\().*", re.MULTILINE)
AWAITED: Final = re.compile(r"^(?:\w+ [^(]*= )?await\b.*", re.MULTILINE)


class JoiningError(ValueError):
    """A module is written in a way that is not read here, or imports itself by others."""


def joined(modules: Mapping[str, str], first: str) -> str:
    """One module that does what `first` does, with all of `modules` that it imports. Raises JoiningError."""
    return _Joining(modules).whole(first)


class _Joining:
    """Modules as they are needed; each but the first is a function's body, and answers what it exports."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self.modules = modules
        self.libraries: list[str] = []
        self.bodies: dict[str, str] = {}
        self.reading: list[str] = []

    def whole(self, first: str) -> str:
        body, _ = self._plain(first)
        imports = [f'import * as {_called(source)} from "{source}";' for source in self.libraries]
        return "\n".join([*imports, *self.bodies.values(), body])

    def _read(self, name: str) -> None:
        if name in self.bodies:
            return
        body, exported = self._plain(name)
        if (unread := AWAITED.search(body)) is not None:
            raise JoiningError(f"{name}: {unread[0]}")
        self.bodies[name] = f"const {_called(name)} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();"

    def _plain(self, name: str) -> tuple[str, list[str]]:
        """A module's text without imports and exports, and what it exports; those that it imports are read before."""
        if name in self.reading or name not in self.modules:
            raise JoiningError(f"'{name}' is imported by itself, or not there: {' > '.join([*self.reading, name])}")
        self.reading.append(name)
        text = self.modules[name]
        exported = [found["name"] for found in DECLARED.finditer(text)]

        def taken(found: re.Match[str]) -> str:
            names = found["names"] if found["names"].startswith("{") else f"{{ default as {found['names']} }}"
            return f"const {names.replace(' as ', ': ')} = {self._source(found['source'])};"

        def again(found: re.Match[str]) -> str:
            exported.append(found["names"].strip("{} "))
            return "" if found["source"] is None else taken(found)

        body = DECLARED.sub("", AGAIN.sub(again, IMPORT.sub(taken, text)))
        if (unread := UNREAD.search(body)) is not None:
            raise JoiningError(f"{name}: {unread[0]}")
        self.reading.remove(name)
        return body, exported

    def _source(self, source: str) -> str:
        if source.startswith("./"):
            self._read(source.removeprefix("./"))
        elif source not in self.libraries:
            self.libraries.append(source)
        return _called(source.removeprefix("./"))


def _called(source: str) -> str:
    """What a module is called among the others."""
    return "$" + re.sub(r"\W", "_", source)
