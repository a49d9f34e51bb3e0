"""What is waited for is looked at often."""

import pytest

from incidentlog.runner import rebuilder as rebuilder_module
from incidentlog.runner import replay as replay_module
from incidentlog.runner import runner as runner_module


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (runner_module, rebuilder_module, replay_module):
        monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    for module in (runner_module, rebuilder_module):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
