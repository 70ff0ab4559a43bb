"""The `qiskit.result.Counts` of an experiment, with all outcomes converted at once.

`qiskit.result.Result.get_counts` converts each outcome by four calls, which takes most of the time
of a look-up. This module makes the same object: it gives bitstrings to Qiskit's constructor, and
sets the attributes that Qiskit sets for hexadecimal outcomes. A sample proves once that the result
is the same with the Qiskit that is installed.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit.result import Counts
    from qiskit.result.models import ExperimentResult

_LAYOUTS_KNOWN = 16
_OUTCOMES_KNOWN = 1024
_SAMPLE = {"0x5": 3, "0x0": 1}
_SAMPLE_SIZES = [["a", 1], ["b", 2]]


def histogram(found: ExperimentResult) -> Counts | None:
    """Return what `qiskit.result.Result.get_counts` returns for an experiment.

    Args:
        found: The experiment. Its counts and its header become part of the returned object.

    Returns:
        The counts, or ``None`` if they are not plain counts by hexadecimal outcome: then only
        Qiskit itself can convert them.
    """
    counts, header = getattr(found.data, "counts", None), getattr(found, "header", None)
    if found.success is not True or type(counts) is not dict or type(header) is not dict:
        return None
    if not _can_be_made():
        return None
    made = _made(counts, header.get("creg_sizes"), header.get("memory_slots"))
    if made is not None:
        made.time_taken = header.get("time_taken")
    return made


@cache
def _can_be_made() -> bool:
    from qiskit.result import Counts

    made, wanted = _made(_SAMPLE, _SAMPLE_SIZES, 3), Counts(_SAMPLE, None, _SAMPLE_SIZES, 3)
    if made is None:
        return False
    return list(made.items()) == list(wanted.items()) and vars(made) == vars(wanted)


def _made(counts: dict[str, int], creg_sizes: Any, memory_slots: Any) -> Counts | None:
    if not counts or not _are_sizes(creg_sizes, memory_slots):
        return None
    sizes = tuple([size for _, size in creg_sizes]) if creg_sizes else ()
    written = _layout(memory_slots or 0, sizes).written(counts)
    if written is None:
        return None
    numbers, texts = written
    from qiskit.result import Counts

    values = counts.values()
    made = Counts(dict(zip(texts, values, strict=True)))
    made.int_raw = dict(zip(numbers, values, strict=True))
    made.hex_raw = counts
    made.creg_sizes = creg_sizes
    made.memory_slots = memory_slots
    return made


def _are_sizes(creg_sizes: Any, memory_slots: Any) -> bool:
    """Return whether a header has proper sizes of registers, or none."""
    if memory_slots is not None and not _is_size(memory_slots):
        return False
    if creg_sizes is None:
        return True
    return isinstance(creg_sizes, (list, tuple)) and all(map(_is_register, creg_sizes))


def _is_register(register: Any) -> bool:
    return isinstance(register, (list, tuple)) and len(register) == 2 and _is_size(register[1])


def _is_size(size: Any) -> bool:
    return type(size) is int and size >= 0


class _Layout:
    """Converts outcomes to bitstrings, and keeps the first ones that it converted.

    Args:
        memory_slots: Bits of an outcome; 0 if that is not known.
        sizes: Bits of each register, the one with the lowest bits first; empty if they are not
            known.
    """

    def __init__(self, memory_slots: int, sizes: Sequence[int]) -> None:
        self._form = f"0{memory_slots}b" if memory_slots else "b"
        self._cuts: list[slice] = []
        start = 0
        for size in reversed(sizes) if memory_slots else ():
            self._cuts.append(slice(start, start + size))
            start += size
        self._numbers: dict[str, int] = {}
        self._texts: dict[str, str] = {}

    def written(self, counts: dict[str, int]) -> tuple[list[int], list[str]] | None:
        """Return outcomes as numbers and as bitstrings, the last register first.

        Args:
            counts: At least one count by outcome.

        Returns:
            Both in order; ``None`` if an outcome is not what ``hex()`` gives.
        """
        try:
            texts = list(map(self._texts.__getitem__, counts))
            return list(map(self._numbers.__getitem__, counts)), texts
        except KeyError:
            return self._write(counts)

    def _write(self, counts: dict[str, int]) -> tuple[list[int], list[str]] | None:
        try:
            numbers = list(map(int, counts, repeat(16)))
        except (TypeError, ValueError):
            return None
        if min(numbers) < 0 or list(map(hex, numbers)) != list(counts):
            return None
        texts = self._apart(list(map(format, numbers, repeat(self._form))))
        if len(self._numbers) + len(counts) <= _OUTCOMES_KNOWN:
            self._numbers.update(zip(counts, numbers, strict=True))
            self._texts.update(zip(counts, texts, strict=True))
        return numbers, texts

    def _apart(self, texts: list[str]) -> list[str]:
        if len(self._cuts) > 1:
            return [" ".join([text[cut] for cut in self._cuts]) for text in texts]
        return [text[self._cuts[0]] for text in texts] if self._cuts else texts


_layout = lru_cache(_LAYOUTS_KNOWN)(_Layout)
