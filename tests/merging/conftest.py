from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def share() -> Callable[..., dict[str, Any]]:
    """Make one share in the form of ``ExperimentResult.to_dict``."""

    def make(shots: Any = 10, *, success: bool = True, **fields: Any) -> dict[str, Any]:
        data = fields.pop("data", {"counts": {"0x0": shots}})
        return {"shots": shots, "success": success, "data": data, "meas_level": 2} | fields

    return make
