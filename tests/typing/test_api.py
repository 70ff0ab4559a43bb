"""A type checker accepts right uses of the public interface, and refuses wrong ones."""

from __future__ import annotations

from pathlib import Path

from mypy import api

USES = Path(__file__).parent / "api.py"


def test_right_uses_pass_and_wrong_ones_do_not(tmp_path):
    # Its own settings: a user's type checker does not read ours.
    settings = tmp_path / "mypy.ini"
    settings.write_text("[mypy]\nstrict = true\nignore_missing_imports = true\n", encoding="utf-8")
    options = ["--config-file", str(settings), "--cache-dir", str(tmp_path / "cache")]
    out, err, code = api.run([*options, "--follow-imports=silent", str(USES)])
    assert (out.splitlines()[-1:], err, code) == (
        ["Success: no issues found in 1 source file"],
        "",
        0,
    ), out
