"""Files that version 0.1.0 wrote can be imported, and what is written is still the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("kind", ["qjmz", "json"])
def test_an_old_export_is_imported_and_exported_as_it_was(elsewhere, tmp_path, kind):
    taken = elsewhere.import_job_set(GOLDEN / f"version-1.{kind}")
    assert taken.results_so_far().get_counts(0) == {"11": 60, "00": 20}
    old = json.loads((GOLDEN / "version-1.json").read_text())
    new = json.loads(taken.export(tmp_path / "new.json", "json").read_text())
    assert new["events"].pop()["event"] == "imported"
    del old["written_by"], new["written_by"]
    assert new == old
