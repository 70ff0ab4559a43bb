"""Results of primitives, read as the results of ``backend.run`` are.

What a sampler measured is said by `qiskit.primitives.BitArray` for each register, and by counts
and memory in `qiskit.result`. Both hold the same shots, so the second is made of the first.

A sampler has an array of bits for each classical register; ``backend.run`` has one whole number a
shot, whose lowest bits are the first register.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit.primitives import BitArray, PrimitiveResult, PubResult
    from qiskit.result.models import ExperimentResult

    Array = np.ndarray[Any, np.dtype[Any]]


class PrimitiveReader(ABC):
    """Reads the stored result of a primitive (see `results.ResultReader`)."""

    success: bool | None = True
    status: str | None = None
    n_experiments: int

    @abstractmethod
    def pub_result(self, offset: int) -> PubResult:
        """Return the result of one PUB: a `SamplerPubResult`, or another `PubResult`.

        Raises:
            CodecError: It is damaged, or there is no such PUB.
        """

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """Return the metadata that the PUBs have in common."""

    def failures(self) -> dict[int, str]:
        """Return nothing: a primitive returns all results or none."""
        return {}

    def each(self, *path: str) -> list[Any]:
        """Return what is at a path of keys in every experiment, ``None`` where there is nothing."""
        if path == ("header", "name"):  # a result of a PUB does not tell the circuit's name
            return [None] * self.n_experiments
        form = experiment_form if path[:1] == ("data",) else _outline
        pubs = map(self.pub_result, range(self.n_experiments))
        return [_inside(form(pub), path) for pub in pubs]

    def counts(self, offset: int) -> dict[str, int] | None:
        """Return the counts of one experiment, or ``None`` if it is a sweep or has none."""
        pub = self.pub_result(offset)
        registers = registers_of(pub)
        return hex_counts(joined(registers)) if registers and not pub.data.shape else None

    def readout(self, offset: int) -> ExperimentResult | None:
        """Return one experiment with only what `qiskit.result.Result.get_counts` looks at."""
        pub = self.pub_result(offset)
        registers = registers_of(pub)
        if not registers or pub.data.shape:
            return None
        return as_experiment({**_outline(pub), "data": {"counts": hex_counts(joined(registers))}})

    def experiment(self, offset: int) -> dict[str, Any]:
        """Return one experiment as ``ExperimentResult.to_dict()`` gives it."""
        return experiment_form(self.pub_result(offset))

    def experiment_result(self, offset: int) -> ExperimentResult:
        """Return one experiment as Qiskit's object."""
        return as_experiment(self.experiment(offset))

    def result(self) -> PrimitiveResult[Any]:
        """Return the whole result as Qiskit's object."""
        from qiskit.primitives import PrimitiveResult

        pubs = map(self.pub_result, range(self.n_experiments))
        return PrimitiveResult(pubs, metadata=self.metadata())

    def _check(self, offset: int) -> None:
        if not 0 <= offset < self.n_experiments:
            raise CodecError(f"There is no item {offset} among the {self.n_experiments} stored")


def registers_of(pub: PubResult) -> list[BitArray]:
    """Return the bits of a sampler's classical registers, in order; nothing if it has none.

    Raises:
        CodecError: They have different numbers of shots.
    """
    _shots(pub)
    return [each for each in pub.data.values() if _is_bits(each) and each.num_bits]


def experiment_form(pub: PubResult) -> dict[str, Any]:
    """Return the result of a PUB as ``ExperimentResult.to_dict()`` gives one of ``backend.run``.

    Its data are counts and memory, where shots were classified; in a sweep, NumPy arrays of them
    in the parameters' shape. All else is there by its own name.
    """
    registers = registers_of(pub)
    data = {name: value for name, value in pub.data.items() if not _is_bits(value)}
    if registers:
        shots = joined(registers)
        data = {
            "counts": _at_each(hex_counts, shots),
            "memory": _at_each(hex_memory, shots),
            **data,
        }
    return {**_outline(pub), "data": data}


def _is_bits(value: object) -> bool:
    from qiskit.primitives import BitArray

    return isinstance(value, BitArray)


def _at_each(read: Callable[[Array], Any], shots: Array) -> Any:
    """Read the shots of each point of a sweep, or of the one point there is."""
    shape = shots.shape[:-2]
    if not shape:
        return read(shots)
    found = np.empty(shape, object)
    for place in np.ndindex(shape):
        found[place] = read(shots[place])
    return found


def _outline(pub: PubResult) -> dict[str, Any]:
    registers = {
        name: value.num_bits
        for name, value in pub.data.items()
        if _is_bits(value) and value.num_bits
    }
    header: dict[str, Any] = {"metadata": pub.metadata.get("circuit_metadata") or {}}
    if registers:
        sizes = [[name, size] for name, size in registers.items()]
        header |= {"creg_sizes": sizes, "memory_slots": sum(registers.values())}
    told = {"metadata": dict(pub.metadata), "header": header}
    return {"shots": _shots(pub), "success": True, **told}


def _shots(pub: PubResult) -> int | None:
    shots = {name: value.num_shots for name, value in pub.data.items() if _is_bits(value)}
    if len(set(shots.values())) > 1:
        raise CodecError(f"The registers of a PUB have different numbers of shots: {shots}")
    return next(iter(shots.values()), None)


def as_experiment(form: dict[str, Any]) -> ExperimentResult:
    """Return Qiskit's object of what `experiment_form` gives."""
    from qiskit.result.models import ExperimentResult, ExperimentResultData

    data = ExperimentResultData(**form["data"])
    return ExperimentResult(**{**form, "data": data})


def _inside(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


# -- outcomes of the shots -------------------------------------------------------------------------

_WORD_BYTES = 8


def joined(registers: Sequence[BitArray]) -> Array:
    """Return the bits of all registers together.

    Args:
        registers: One at least, of one shape and number of shots; the first has the lowest bits.

    Returns:
        uint8 array of the shape of the PUB, with two axes more: shots, and bytes, highest first.
    """
    if len(registers) == 1:
        return _without_strays(registers[0])
    bits = [_bits(register) for register in reversed(registers)]
    together = np.concatenate(bits, axis=-1)
    missing = -together.shape[-1] % 8
    zeros = np.zeros((*together.shape[:-1], missing), np.uint8)
    return np.packbits(np.concatenate((zeros, together), axis=-1), axis=-1)


def _bits(register: BitArray) -> Array:
    """Return the bits of a register, highest first."""
    unpacked = np.unpackbits(register.array, axis=-1)
    bits: Array = unpacked[..., unpacked.shape[-1] - register.num_bits :]
    return bits


def _without_strays(register: BitArray) -> Array:
    """Return the bytes of a register; bits of the first byte that are beyond it mean nothing."""
    array: Array = register.array
    if register.num_bits % 8 == 0 or not array.size:
        return array
    clean = array.copy()
    clean[..., 0] &= (1 << register.num_bits % 8) - 1
    return clean


def hex_counts(shots: Array) -> dict[str, int]:
    """Return how often each outcome came, in the order of the outcomes.

    Args:
        shots: uint8 array of two axes: shots, and bytes, highest first.
    """
    numbers, counts = np.unique(_words(shots), return_counts=True)
    return dict(zip(map(hex, _numbers(numbers)), counts.tolist(), strict=True))


def hex_memory(shots: Array) -> list[str]:
    """Return the outcome of each shot, in order; arguments as for `hex_counts`."""
    return list(map(hex, _numbers(_words(shots))))


def _words(shots: Array) -> Array:
    """Return the outcomes as one item each that sorts as the number does."""
    width = shots.shape[-1]
    if width > _WORD_BYTES:
        return np.ascontiguousarray(shots).view(f"V{width}").reshape(-1)
    words = np.zeros((len(shots), _WORD_BYTES), np.uint8)
    words[:, _WORD_BYTES - width :] = shots
    return words.view(">u8").reshape(-1).astype(np.uint64)


def _numbers(words: Array) -> list[int]:
    if words.dtype.kind == "V":
        return [int.from_bytes(word.tobytes(), "big") for word in words]
    numbers: list[int] = words.tolist()
    return numbers
