"""Iterates over the instructions of a circuit and of the blocks of its control flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qiskit.circuit import QuantumCircuit


def instruction_names(circuit: QuantumCircuit) -> Iterator[str]:
    """Yield the names of all instructions, some repeatedly.

    This is far faster than `instructions_with_qubits`.
    """
    yield from circuit.count_ops()
    if not circuit.has_control_flow_op():
        return
    for instruction in circuit.data:
        if instruction.is_control_flow():
            for block in instruction.operation.blocks:
                yield from instruction_names(block)


def instructions_with_qubits(
    circuit: QuantumCircuit, outer: Sequence[int] | None = None
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each instruction's name and its qubits, numbered as in the whole circuit.

    Args:
        circuit: A circuit, or a block of one.
        outer: For a block, the number of each of its qubits in the whole circuit.
    """
    numbers = range(circuit.num_qubits) if outer is None else outer
    number_of = dict(zip(circuit.qubits, numbers, strict=True))
    for instruction in circuit.data:
        places = tuple(number_of[qubit] for qubit in instruction.qubits)
        yield instruction.name, places
        if instruction.is_control_flow():
            for block in instruction.operation.blocks:
                yield from instructions_with_qubits(block, places)
