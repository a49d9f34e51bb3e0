"""Modules of a page put together: they do as one what they do apart, and what cannot be read is refused."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from incidentlog.api.joined import JoiningError, joined

NODE = shutil.which("node")
PARTED = {
    "app.js": """
import { Shape as Form, NAMES, basename, told } from "./told.js";
import { add } from "./sums.js";
import path from "node:path";
const here = "the first one's own";
console.log(JSON.stringify([here, told(), new Form().name, add(1, 2), NAMES, basename("a/b"), path.extname("a.js")]));
await 0;
""",
    "told.js": """
import { add } from "./sums.js";
export { basename } from "node:path";
export { NAMES };
const here = `import { add } from "./nowhere.js";`;
const NAMES = ["a", "b"];
export const told = () => add(here.length, 0);
export class Shape { name = "a shape"; }
export async function* later() { yield await 1; }
""",
    "sums.js": "/** A sum. */\nexport function add(a, b) { return a + b; }\n",
    "unused.js": "export let never = 1;",
}


@pytest.mark.skipif(NODE is None, reason="there is no node to run the modules with")
async def test_modules_do_as_one_what_they_do_apart(tmp_path: Path):
    for name, text in PARTED.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "whole.js").write_text(joined(PARTED, "app.js"))
    apart = await ran(tmp_path / "app.js")
    assert apart == ["the first one's own", 35, "a shape", 3, ["a", "b"], "b", ".js"]
    assert await ran(tmp_path / "whole.js") == apart


async def ran(module: Path) -> Any:
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(NODE, module, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return json.loads(said)


@pytest.mark.parametrize(
    "text",
    [
        "export let unread = 1;",
        "export default 1;",
        "export const { a, b } = c;",
        'import "./sums.js";',
        'import * as sums from "./sums.js";',
        'import { add }\n  from "./sums.js";',
        'import { a } from "./nowhere.js";',
        'import { a } from "./itself.js";',
        "const text = await fetch(address);",
        "await begin();",
    ],
)
def test_what_would_not_be_the_same_is_refused(text: str):
    modules = {"app.js": 'import { a } from "./itself.js";', "itself.js": text, "sums.js": PARTED["sums.js"]}
    with pytest.raises(JoiningError):
        joined(modules, "app.js")
