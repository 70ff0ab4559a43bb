"""Simulates circuits that are as wide as a device.

Unused qubits are left out. The rest is cut into parts that share neither a qubit nor a bit, and
each part is simulated alone. So a twirled circuit can be simulated: it measures all qubits of a
device, but entangles few.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from qiskit_job_manager.errors import InvalidExperimentError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from qiskit.circuit import Bit, CircuitInstruction, QuantumCircuit
    from qiskit.primitives.containers.estimator_pub import EstimatorPub
    from qiskit.primitives.containers.sampler_pub import SamplerPub

ON_ONE_THREAD = {"backend_options": {"max_parallel_threads": 1}}
# Parts are simulated together up to so many qubits: 4,096 amplitudes add little to the cost that
# every circuit has.
_QUBITS_AT_ONCE = 12
_DO_NOTHING = ("barrier", "delay")
_NO_VARIABLES = "the emulator cannot simulate these, and must be told to make results up"
_QUARTER_TURN = np.pi / 2
_SAME_TURN_DECIMALS = 10


def sampled_bits(pub: SamplerPub, seed: int) -> dict[str, np.ndarray]:
    """Return the bits of each classical register, without noise.

    Args:
        pub: The circuit, its parameters' values, and the shots.
        seed: The same seed gives the same bits.

    Returns:
        Of each register, booleans of shape ``(*pub.shape, shots, bits)``, bit 0 first.
    """
    from qiskit_aer.primitives import SamplerV2

    bits = {
        register.name: np.zeros((*pub.shape, pub.shots, register.size), dtype=bool)
        for register in pub.circuit.cregs
    }
    pubs = [_part_of(pub, part) for part in _parts(pub.circuit)]
    if pubs:
        for part in SamplerV2(seed=seed, options=ON_ONE_THREAD).run(pubs).result():
            for name, written in bits.items():
                # A bit is written in one part, and 0 in all others.
                found = part.data[name].to_bool_array(order="little").reshape(written.shape)
                np.logical_or(written, found, out=written)
    return bits


def narrowed_estimate(pub: EstimatorPub) -> EstimatorPub:
    """Return a PUB without the qubits that neither its circuit nor its observables use."""
    from qiskit.primitives.containers.estimator_pub import EstimatorPub
    from qiskit.primitives.containers.observables_array import ObservablesArray

    asked = {
        pub.circuit.qubits[place]
        for observable in pub.observables.ravel()
        for pauli in observable
        for place, letter in enumerate(reversed(pauli))
        if letter != "I"
    }
    circuit = _with_qubits(pub.circuit, asked | _used(pub.circuit))
    kept = [pub.circuit.find_bit(qubit).index for qubit in reversed(circuit.qubits)]
    shorter = np.empty(pub.observables.shape, dtype=object)
    for place in np.ndindex(*shorter.shape):
        observable = pub.observables[place] if place else pub.observables[()]
        shorter[place] = {
            "".join(pauli[-1 - index] for index in kept): weight
            for pauli, weight in observable.items()
        }
    return EstimatorPub(circuit, ObservablesArray(shorter), pub.parameter_values, pub.precision)


def _part_of(pub: SamplerPub, part: QuantumCircuit) -> SamplerPub:
    from qiskit.primitives.containers.bindings_array import BindingsArray
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    if not part.num_parameters:
        # Aer refuses a shape without parameters: as many shots at once are the same.
        return SamplerPub(part, shots=pub.shots * pub.size)
    places = {parameter: place for place, parameter in enumerate(pub.circuit.parameters)}
    values = pub.parameter_values.as_array(pub.circuit.parameters)
    mine = values[..., [places[parameter] for parameter in part.parameters]]
    # Rounded: sums of angles have rounding errors, and only exact quarter turns can be simulated on
    # any number of entangled qubits.
    turns = np.round(mine / _QUARTER_TURN, _SAME_TURN_DECIMALS) * _QUARTER_TURN
    return SamplerPub(part, BindingsArray({tuple(part.parameters): turns}, pub.shape), pub.shots)


def _parts(circuit: QuantumCircuit) -> Iterator[QuantumCircuit]:
    """Cut a circuit into independent parts that measure at least one bit."""
    together: set[Bit] = set()
    for bits in sorted(_clusters(circuit), key=len):
        if together and _qubits_among(together | bits, circuit) > _QUBITS_AT_ONCE:
            yield _with_qubits(circuit, together)
            together = set()
        together |= bits
    if together:
        yield _with_qubits(circuit, together)


def _clusters(circuit: QuantumCircuit) -> list[set[Bit]]:
    """Group the qubits and bits that instructions connect; leave out groups without a bit."""
    cluster_of: dict[Bit, set[Bit]] = {}
    for instruction in _at_work(circuit):
        bits = (*instruction.qubits, *instruction.clbits)
        joined = set(bits).union(*(cluster_of.get(bit, ()) for bit in bits))
        cluster_of.update((bit, joined) for bit in joined)
    distinct = {id(cluster): cluster for cluster in cluster_of.values()}.values()
    return [cluster for cluster in distinct if not cluster.isdisjoint(circuit.clbits)]


def _qubits_among(bits: Collection[Bit], circuit: QuantumCircuit) -> int:
    return sum(qubit in bits for qubit in circuit.qubits)


def _at_work(circuit: QuantumCircuit) -> Iterable[CircuitInstruction]:
    """Return the instructions that have an effect without noise."""
    return (each for each in circuit.data if each.operation.name not in _DO_NOTHING)


def _used(circuit: QuantumCircuit) -> set[Bit]:
    return set(itertools.chain.from_iterable(each.qubits for each in _at_work(circuit)))


def _with_qubits(circuit: QuantumCircuit, qubits: Collection[Bit]) -> QuantumCircuit:
    """Return the instructions of a circuit on some of its qubits, with all of its bits."""
    if circuit.num_vars:
        # Aer ends the whole process on some of them.
        raise InvalidExperimentError(f"circuit {circuit.name!r} has variables; {_NO_VARIABLES}")
    kept = [qubit for qubit in circuit.qubits if qubit in qubits]
    fresh = type(circuit)(
        kept, circuit.clbits, *circuit.cregs, name=circuit.name, metadata=circuit.metadata
    )
    for instruction in _at_work(circuit):
        if all(qubit in qubits for qubit in instruction.qubits):
            fresh.append(instruction)
    return fresh
