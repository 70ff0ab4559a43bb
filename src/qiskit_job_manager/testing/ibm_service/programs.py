"""Runs the programs: on Aer, on one thread, or by made-up bits that follow from the content."""

from __future__ import annotations

import json
import warnings
import zlib
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from qiskit.circuit import QuantumCircuit

_DEFAULT_SHOTS = 4096


class Engine(StrEnum):
    """What runs programs.

    Attributes:
        FAST: Makes up random bits and values, seeded by the content; executor programs that
            twirl run on Aer nevertheless, as their results need the client's own machinery.
        AER: Simulates, on one thread and without noise; the same content gives the same result.
    """

    FAST = "fast"
    AER = "aer"


def run(program: str, params: Mapping[str, Any], engine: Engine) -> str:
    """Return a program's result as the text that IBM would send.

    Args:
        program: ``sampler``, ``estimator`` or ``executor``.
        params: Its parameters as they came, decoded from JSON only.
        engine: What runs it.

    Raises:
        Exception: It cannot be read or run.
    """
    seed = zlib.crc32(json.dumps(params, sort_keys=True).encode())
    if program == "executor":
        return _executor(params, seed, engine)
    from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder

    read = json.loads(json.dumps(params), cls=RuntimeDecoder)
    simulate = _sampler if program == "sampler" else _estimator
    return json.dumps(simulate(read, seed, engine), cls=RuntimeEncoder)


def _sampler(params: Mapping[str, Any], seed: int, engine: Engine) -> Any:
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    shots = params.get("options", {}).get("default_shots") or _DEFAULT_SHOTS
    pubs = [SamplerPub.coerce(tuple(pub), shots) for pub in params["pubs"]]
    if engine is Engine.FAST:
        return _made_up_samples(pubs, seed)
    from qiskit.primitives.containers import PrimitiveResult
    from qiskit_aer.primitives import SamplerV2

    sampler = SamplerV2(seed=seed, options=_ON_ONE_THREAD)
    stripped = [SamplerPub(_narrowed(p.circuit), p.parameter_values, p.shots) for p in pubs]
    result = sampler.run(stripped).result()
    return PrimitiveResult(list(result), metadata={"version": 2})


def _made_up_samples(pubs: list[Any], seed: int) -> Any:
    import numpy as np
    from qiskit.primitives.containers import (
        BitArray,
        DataBin,
        PrimitiveResult,
        SamplerPubResult,
    )

    rng = np.random.default_rng(seed)
    results = []
    for pub in pubs:
        registers = {
            register.name: BitArray.from_bool_array(
                rng.integers(0, 2, (*pub.shape, pub.shots, register.size)).astype(bool)
            )
            for register in pub.circuit.cregs
        }
        results.append(SamplerPubResult(DataBin(**registers, shape=pub.shape)))
    return PrimitiveResult(results, metadata={"version": 2})


def _estimator(params: Mapping[str, Any], seed: int, engine: Engine) -> Any:
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    precision = params.get("options", {}).get("default_precision") or 1 / 64
    pubs = [EstimatorPub.coerce(tuple(pub), precision) for pub in params["pubs"]]
    if engine is Engine.FAST:
        return _made_up_estimates(pubs, seed)
    from qiskit.primitives.containers import PrimitiveResult
    from qiskit_aer.primitives import EstimatorV2

    estimator = EstimatorV2(options={**_ON_ONE_THREAD, "run_options": {"seed": seed}})
    return PrimitiveResult(list(estimator.run(pubs).result()), metadata={"version": 2})


def _made_up_estimates(pubs: list[Any], seed: int) -> Any:
    import numpy as np
    from qiskit.primitives.containers import DataBin, PrimitiveResult, PubResult

    rng = np.random.default_rng(seed)
    results = []
    for pub in pubs:
        evs = rng.uniform(-1, 1, pub.shape)
        stds = np.full(pub.shape, pub.precision)
        results.append(PubResult(DataBin(evs=evs, stds=stds, shape=pub.shape)))
    return PrimitiveResult(results, metadata={"version": 2})


def _executor(params: Mapping[str, Any], seed: int, engine: Engine) -> str:
    from ibm_quantum_schemas.executor import version_2_0 as schemas  # type: ignore[import-untyped]  # has no types
    from qiskit_ibm_runtime.quantum_program.params_converters import (
        QUANTUM_PROGRAM_PARAMS_CONVERTERS,
    )

    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS["v2.0"]
    program, _ = converter.decoder(converter.model.model_validate(dict(params)))
    twirls = any(item["item_type"] == "samplex" for item in params["quantum_program"]["items"])
    simulate = _made_up_items if engine is Engine.FAST and not twirls else _simulated_items
    said = params["quantum_program"]
    answer = {
        "schema_version": "v2.0",
        "data": [{"results": _tensors(item), "metadata": {}} for item in simulate(program, seed)],
        "metadata": {"chunk_timing": []},
        "passthrough_data": said.get("passthrough_data"),
        "semantic_role": said.get("semantic_role"),
    }
    return str(schemas.QuantumProgramResultModel.model_validate(answer).model_dump_json())


def _tensors(item: Mapping[str, np.ndarray]) -> dict[str, Any]:
    from ibm_quantum_schemas.common.tensor import CompressedTensorModel  # type: ignore[import-untyped]  # has no types

    return {name: CompressedTensorModel.from_numpy(array) for name, array in item.items()}


def _made_up_items(program: Any, seed: int) -> list[dict[str, np.ndarray]]:
    import numpy as np

    rng = np.random.default_rng(seed)
    return [
        {
            register.name: rng.integers(0, 2, (*item.shape, program.shots, register.size)).astype(
                bool
            )
            for register in item.circuit.cregs
        }
        for item in program.items
    ]


def _simulated_items(program: Any, seed: int) -> list[dict[str, np.ndarray]]:
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime.fake_provider.executor.run_quantum_program import run_quantum_program
    from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions

    for item in program.items:
        if hasattr(item, "samplex"):
            item.samplex.finalize()
        else:
            item.circuit = _narrowed(item.circuit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client about its own parts
        result = run_quantum_program(
            AerSimulator(max_parallel_threads=1), program, SimulatorOptions(seed_simulator=seed)
        )
    return [dict(item) for item in result]


def _narrowed(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit without its idle qubits, of which a simulator would keep the state."""
    used = {bit for instruction in circuit.data for bit in instruction.qubits}
    if any(instruction.operation.name in _KEEPS_WIDTH for instruction in circuit.data):
        return circuit
    kept = [bit for bit in circuit.qubits if bit in used]
    fresh = type(circuit)(
        kept,
        circuit.clbits,
        *circuit.cregs,
        name=circuit.name,
        metadata=circuit.metadata,
        global_phase=circuit.global_phase,
    )
    for instruction in circuit.data:
        fresh.append(instruction)
    return fresh


_KEEPS_WIDTH = ("if_else", "while_loop", "for_loop", "switch_case", "box", "store")
_ON_ONE_THREAD = {"backend_options": {"max_parallel_threads": 1}}
