"""The notebooks of the documentation run from their first cell to their last, in a kernel of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from incidentlog.embedded import Server
from tests.api.serving import ADMIN, Served, serving
from tests.conftest import log_called
from tests.subjects.given import TIMELINE

WHY = "it is in the dependency group 'tools', which only .ci/run installs"
NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))


@pytest.fixture
async def timeline(server: Server) -> AsyncIterator[Served]:
    async with log_called("test_notebooks", server) as access, serving(access) as served:
        await served.fill(*TIMELINE.read_bytes().splitlines())
        await served.rows("city_incidents")
        yield served


@pytest.mark.filterwarnings("default")  # the kernel's machinery has warnings of its own
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
async def test_a_notebook_runs(timeline: Served, notebook: Path, monkeypatch: pytest.MonkeyPatch):
    nbformat, nbclient = pytest.importorskip("nbformat", reason=WHY), pytest.importorskip("nbclient", reason=WHY)
    pytest.importorskip("ipykernel", reason=WHY)
    pytest.importorskip("polars", reason=WHY)
    monkeypatch.setenv("INCIDENTLOG_URL", timeline.url)
    monkeypatch.setenv("INCIDENTLOG_KEY", ADMIN)
    cells = nbformat.read(notebook, as_version=4)
    nbformat.validate(cells)
    assert not any(cell.get("outputs") for cell in cells.cells), "outputs are not kept: they would grow old"
    await nbclient.NotebookClient(cells, timeout=120, kernel_name="python3").async_execute()
    assert all(cell.execution_count for cell in cells.cells if cell.cell_type == "code")
    assert sum(bool(cell.get("outputs")) for cell in cells.cells) >= 3
