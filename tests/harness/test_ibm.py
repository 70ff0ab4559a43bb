"""Nothing lost and nothing paid for twice through IBM's own client, whatever goes wrong."""

from __future__ import annotations

import pytest

pytest.importorskip("qiskit_ibm_runtime")


pytestmark = pytest.mark.usefixtures("short_polls")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_bad_weather_between_us_and_ibm_breaks_no_promise(tmp_path, seeds):
    from rig.ibm import ibm_weather
    from rig.tally import Tally

    tally = Tally()
    for seed in seeds(3):
        tally += ibm_weather(tmp_path, seed)
    assert tally.jobs == 5 * tally.cases
    assert tally.violations == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_manager_that_looks_for_no_twins_is_caught(tmp_path, monkeypatch):
    from rig.ibm import Kind, Rule, Trouble, ibm_weather

    from qiskit_job_manager.engine.tick import Tick

    monkeypatch.setattr(Tick, "_request_duplicate_search", lambda *_: None)
    # The client posts a submission again after such an answer.
    again = Rule(kind=Kind.SUBMIT, trouble=Trouble(status=504, after=True), times=2)
    broken = ibm_weather(tmp_path, 0, jobs=3, rules=[again]).violations
    assert any("neither recorded" in words for words in broken)
