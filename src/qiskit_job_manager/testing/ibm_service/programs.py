"""Runs the programs, on Aer or with made-up bits."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.testing.ibm_service.simulation import (
    ON_ONE_THREAD,
    narrowed_estimate,
    sampled_bits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    import numpy as np
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    _Sampling: TypeAlias = Callable[[SamplerPub, int], dict[str, np.ndarray]]

_DEFAULT_SHOTS = 4096


class Engine(StrEnum):
    """What runs programs.

    Attributes:
        FAST: Makes up random bits and values, seeded by the content.
        AER: Simulates on one thread, without noise; the same content gives the same result. A
            circuit may be as wide as a device, if few of its qubits are entangled.
    """

    FAST = "fast"
    AER = "aer"


def run(program: str, params: Mapping[str, Any], engine: Engine) -> str:
    """Return a program's result as the text that IBM would send.

    Args:
        program: ``sampler``, ``estimator`` or ``executor``.
        params: Its parameters, decoded from JSON only.
        engine: What runs it.

    Raises:
        Exception: It cannot be read or run.
    """
    seed = zlib.crc32(json.dumps(params, sort_keys=True).encode())
    if program == "executor":
        return _executor(params, seed, engine)
    from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder

    read = json.loads(json.dumps(params), cls=RuntimeDecoder)
    read["pubs"] = [_with_circuit(pub) for pub in read["pubs"]]
    simulate = _sampler if program == "sampler" else _estimator
    return json.dumps(simulate(read, seed, engine), cls=RuntimeEncoder)


def _with_circuit(pub: Any) -> Any:
    """Return a PUB whose circuit may have come as OpenQASM 3, as other clients than IBM's send."""
    if not isinstance(pub[0], str):
        return pub
    from qiskit import qasm3

    return [qasm3.loads(pub[0]), *pub[1:]]


def _made_up_bits(pub: SamplerPub, seed: int) -> dict[str, np.ndarray]:
    """Return random bits in the shape of `sampled_bits`."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return {
        register.name: rng.integers(0, 2, (*pub.shape, pub.shots, register.size)).astype(bool)
        for register in pub.circuit.cregs
    }


def _sampler(params: Mapping[str, Any], seed: int, engine: Engine) -> Any:
    from qiskit.primitives.containers import PrimitiveResult
    from qiskit.primitives.containers.sampler_pub import SamplerPub
    from qiskit_ibm_runtime.execution_span import ExecutionSpans

    shots = params.get("options", {}).get("default_shots") or _DEFAULT_SHOTS
    pubs = [SamplerPub.coerce(tuple(pub), shots) for pub in params["pubs"]]
    sample = _made_up_bits if engine is Engine.FAST else sampled_bits
    began = datetime.now(UTC)
    results = [_sampled(pub, sample(pub, seed + place)) for place, pub in enumerate(pubs)]
    execution = {"execution_spans": ExecutionSpans([_span(pubs, began)])}
    return PrimitiveResult(results, metadata={"execution": execution, "version": 2})


def _span(pubs: list[SamplerPub], began: datetime) -> Any:
    """Return a span in which all PUBs were executed."""
    from qiskit_ibm_runtime.execution_span import DoubleSliceSpan

    whole = {
        place: ((*pub.shape, pub.shots), slice(pub.size), slice(pub.shots))
        for place, pub in enumerate(pubs)
    }
    return DoubleSliceSpan(began, datetime.now(UTC), whole)


def _sampled(pub: SamplerPub, bits: Mapping[str, np.ndarray]) -> Any:
    from qiskit.primitives.containers import BitArray, DataBin, SamplerPubResult

    registers = {
        name: BitArray.from_bool_array(found, order="little") for name, found in bits.items()
    }
    return SamplerPubResult(DataBin(**registers, shape=pub.shape))


def _estimator(params: Mapping[str, Any], seed: int, engine: Engine) -> Any:
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    precision = params.get("options", {}).get("default_precision") or 1 / 64
    pubs = [EstimatorPub.coerce(tuple(pub), precision) for pub in params["pubs"]]
    if engine is Engine.FAST:
        return _made_up_estimates(pubs, seed)
    from qiskit.primitives.containers import PrimitiveResult
    from qiskit_aer.primitives import EstimatorV2

    estimator = EstimatorV2(options={**ON_ONE_THREAD, "run_options": {"seed_simulator": seed}})
    result = estimator.run([narrowed_estimate(pub) for pub in pubs]).result()
    return PrimitiveResult(list(result), metadata={"version": 2})


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
    sample = _made_up_bits if engine is Engine.FAST else sampled_bits
    said, began = params["quantum_program"], datetime.now(UTC)
    data = [{"results": _tensors(item), "metadata": {}} for item in _items(program, seed, sample)]
    chunk = {"start": began, "stop": datetime.now(UTC), "parts": []}
    answer = {
        "schema_version": "v2.0",
        "data": data,
        "metadata": {"chunk_timing": [chunk]},
        "passthrough_data": said.get("passthrough_data"),
        "semantic_role": said.get("semantic_role"),
    }
    return str(schemas.QuantumProgramResultModel.model_validate(answer).model_dump_json())


def _tensors(item: Mapping[str, np.ndarray]) -> dict[str, Any]:
    from ibm_quantum_schemas.common.tensor import CompressedTensorModel  # type: ignore[import-untyped]  # has no types

    return {name: CompressedTensorModel.from_numpy(array) for name, array in item.items()}


def _items(program: Any, seed: int, sample: _Sampling) -> Iterator[dict[str, np.ndarray]]:
    """Run the items of a quantum program; twirled items draw their parameters first."""
    import numpy as np
    from qiskit.primitives.containers.sampler_pub import SamplerPub
    from qiskit_ibm_runtime.fake_provider.executor.broadcast_sample import broadcast_sample

    rng = np.random.default_rng(seed)
    for place, item in enumerate(program.items):
        drawn: dict[str, np.ndarray] = {}
        if hasattr(item, "samplex"):
            item.samplex.finalize()
            drawn = broadcast_sample(item.samplex, item.samplex_arguments, item.shape, rng)
            values = drawn.pop("parameter_values")
        else:
            values = item.circuit_arguments
        pub = SamplerPub.coerce((item.circuit, values, program.shots))
        yield {**drawn, **sample(pub, seed + place)}
