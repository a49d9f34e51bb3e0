"""How the documentation becomes a site (`make docs`): Sphinx, MyST for Markdown, and furo.

They are kept by many, build without a network, and their pages ask nothing of other hosts. Warnings are errors: a link
to a page or a heading that is not there fails the build. The nav is `index.md`; `reference/` is made of the code first.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from made_of_code import write_reference

from incidentlog import __version__

project = "incidentlog"
author = "the authors of incidentlog"
project_copyright = "Apache-2.0"
release = __version__

extensions = ["myst_parser"]
exclude_patterns = ["notebooks"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
"""As on the pages of a repository: `formats.md#subjects`."""

html_theme = "furo"
html_title = "incidentlog"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
highlight_language = "text"
suppress_warnings = ["misc.highlighting_failure", "myst.header"]
"""What the links are not concerned with."""


def setup(_: Any) -> None:
    """Make the reference before the pages are read."""
    write_reference(Path(__file__).parent / "reference")
