"""Merges the shares of one experiment, in the form of `qiskit.result.ExperimentResult.to_dict`.

Merging is an addition: one share is itself, and it makes no difference which are merged first
(apart from the rounding of averages). Everything that a later merge needs is therefore in the
merged result itself; the weight of an average is its shots.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import MergeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def merge(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the shares of one experiment give together.

    A share that failed and has no data adds none and no shots; its reason becomes the status.
    ``success`` is true when it is in all shares. ``time_taken`` is the sum. Fields that do not
    depend on shots (``header``, ``seed``, ``metadata``, ...) are those of the first share that
    has data; seeds and timings inside of them differ between shares, and only the first remain.

    Args:
        parts: The shares, in order; not changed, but the result shares values with them.

    Raises:
        MergeError: There is no share, or a field cannot be merged; the message names it.
    """
    if not parts:
        raise MergeError("there are no shares to merge")
    if len(parts) == 1:
        return dict(parts[0])
    sources = [part for part in parts if part.get("success", True) or part.get("data")]
    merged = _first_of_each(sources or parts)
    merged["shots"] = _joined_shots([part.get("shots") for part in sources])
    merged["success"] = all(part.get("success", True) for part in parts)
    _put_status(merged, parts)
    _put_time(merged, sources or parts)
    _check_agreement(sources)
    merged["data"] = _merged_data(sources)
    return merged


def _first_of_each(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            merged.setdefault(name, value)
    return merged


def _put_status(merged: dict[str, Any], parts: Sequence[Mapping[str, Any]]) -> None:
    """Let the first share that failed say why."""
    failed = [part for part in parts if not part.get("success", True)]
    if failed:
        merged.pop("status", None)
        merged.update(_first_of_each([{"status": p["status"]} for p in failed if "status" in p]))


def _put_time(merged: dict[str, Any], parts: Sequence[Mapping[str, Any]]) -> None:
    times = [part["time_taken"] for part in parts if "time_taken" in part]
    if times and all(isinstance(time, Real) for time in times):
        merged["time_taken"] = sum(times)


def _check_agreement(parts: Sequence[Mapping[str, Any]]) -> None:
    """Check that all shares measured in the same way, as their data could not be added else."""
    for name in ("meas_level", "meas_return"):
        values = [part.get(name) for part in parts]
        for number, value in enumerate(values):
            if value != values[0]:
                raise MergeError(f"{name!r} is {values[0]!r} in share 0 and {value!r} in {number}")


def _merged_data(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    # NumPy takes a tenth of a second to import, which a command that only lists must not pay.
    from qiskit_job_manager.merging.data import merge_data

    if not any(part.get("data") for part in parts):
        return {}
    return merge_data(parts, [_shot_count(part.get("shots")) or 0 for part in parts])


def _joined_shots(values: Sequence[Any]) -> Any:
    """Return the shots of all shares: a number, or a range where all are ranges."""
    counts = [_shot_count(shots) for shots in values]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        if not known:
            return None
        raise MergeError(f"'shots' is missing in share {counts.index(None)} and not in others")
    if values and not any(isinstance(shots, Real) for shots in values):
        start = values[0][0]
        return type(values[0])((start, start + sum(known) - 1))
    return sum(known)


def _shot_count(shots: Any) -> Any:
    """Return how many shots are meant by a number, or by a range with both its ends."""
    if shots is None or isinstance(shots, Real):  # NumPy's integers are no int
        return shots
    try:
        start, end = shots
        return end - start + 1
    except (TypeError, ValueError) as error:
        raise MergeError(f"'shots' is {shots!r}, neither a number nor a range") from error


def merge_counts(parts: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    """Return the sum of counts, or of quasi counts.

    Outcomes that are the same number (``"0x3"``, ``"0x03"``, ``"0X3"``, ``"0b11"``) are added;
    any other key, such as ``"01 10"``, is equal only to itself.

    Args:
        parts: Counts of each share, in order.

    Returns:
        A new dictionary: outcomes in the order, and the spelling, in which they first come up.
    """
    spelled: dict[int | str, Any] = {}
    total: dict[Any, Any] = {}
    for part in parts:
        for key, count in part.items():
            # Most keys are spelled alike in all shares, and need no reading then.
            same = key if key in total else spelled.setdefault(_outcome(key), key)
            total[same] = total[same] + count if same in total else count
    return total


def _outcome(key: Any) -> int | str:
    """Return the identity of an outcome: its number, or its text."""
    if isinstance(key, str) and key[:2].lower() in ("0x", "0b"):
        try:
            return int(key, 0)
        except ValueError:
            return key
    return key  # type: ignore[no-any-return]  # odd keys are kept as they are
