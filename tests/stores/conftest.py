"""The databases that the contract is proved on."""

from __future__ import annotations

import os
import uuid

import pytest

pytest.register_assert_rewrite(
    "qiskit_job_manager.testing.store_contract",
    "qiskit_job_manager.testing.store_driving_contract",
)

POSTGRES = os.environ.get("QJM_TEST_POSTGRES_URL")


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def postgres_url():
    """URL of a schema of its own, dropped at the end."""
    if POSTGRES is None:
        pytest.skip("QJM_TEST_POSTGRES_URL names no database")
    import psycopg

    name = f"qjm_{uuid.uuid4().hex}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"{POSTGRES}?options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE")
