"""A token is found nowhere: not in the store, its journal, the spool, the logs or the output."""

from __future__ import annotations

import base64

import pytest
from rig.processes import Case, Site

CANARY = "canary-7f3a9c1e5d-token"


def traces_of(secret, folder):
    """Return the files that hold a secret, plain or in base64."""
    plain = secret.encode()
    forms = [plain, plain[::-1], plain.hex().encode(), plain.decode().encode("utf-16-le")]
    forms += [base64.b64encode(b"x" * lead + plain)[4:-4] for lead in range(3)]
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]


@pytest.mark.parametrize("reads_once", [False, True])
def test_a_token_is_found_nowhere(tmp_path, monkeypatch, reads_once):
    monkeypatch.setenv("QISKIT_IBM_TOKEN", CANARY)
    monkeypatch.setenv("QJM_CLOUD_TOKEN", CANARY)
    with Site(tmp_path / "site", reads_once=reads_once) as site:
        case = Case(site, "canary", jobs=2)
        for pause_s in (0.3, 0.6):
            driver = case.start(log=True)
            driver.lives(within_s=pause_s)
            case.kill(driver)
            assert traces_of(CANARY, tmp_path) == []
        case.finished.unlink(missing_ok=True)
        assert case.end(log=True).violations == []
        # The cloud lets nobody in without it, so it was in use.
        monkeypatch.delenv("QJM_CLOUD_TOKEN")
    assert traces_of(CANARY, tmp_path) == []
    assert "DEBUG" in (case.folder / "words").read_text()


def test_a_wrong_token_is_refused_and_found_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("QJM_CLOUD_TOKEN", "the right one")
    with Site(tmp_path / "site") as site:
        case = Case(site, "canary", jobs=1)
        driver = case.start(log=True, token=CANARY)
        driver.lives(within_s=1.0)
        case.kill(driver)
    assert traces_of(CANARY, tmp_path) == []


def test_a_trace_would_be_found(tmp_path):
    (tmp_path / "plain").write_text(f"Authorization: Bearer {CANARY}")
    (tmp_path / "coded").write_bytes(base64.b64encode(f"user:{CANARY}".encode()))
    assert len(traces_of(CANARY, tmp_path)) == 2
