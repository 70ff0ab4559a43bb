"""Results of IBM's executor, which its client makes results of primitives from.

The samplers and estimators that run on the executor measure bits of twirled and mitigated circuits
there, and work out counts and expectation values in the client. So does this module, by the
client's own functions: it alone knows how it twirled. Nothing of that imports what a payload
names; the client's `ExecutorResultDecoder.decode` does, and is not used: its parts are.
"""

from __future__ import annotations

import base64
import copy
import zlib
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.primitive_reading import PrimitiveReader
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit.primitives import PrimitiveResult, PubResult

SAMPLER_ROLE = "sampler_v2"
ESTIMATOR_ROLE = "estimator_v2"

# As many bytes as ten million shots of 200 qubits take, once each bit has a byte of its own.
_MOST_BYTES = 2_000_000_000
_STEP_BYTES = 1 << 20
_TENSOR = {"data", "shape", "dtype"}


def is_executor_result(tree: Any) -> bool:
    """Tell whether a parsed text of the service is a result of its executor."""
    return isinstance(tree, dict) and {"schema_version", "data"} <= tree.keys()


class ExecutorResultReader(PrimitiveReader):
    """Reads the result of a sampler or an estimator that ran on the executor.

    The number of its PUBs is known at once. All else needs qiskit-ibm-runtime.
    """

    def __init__(self, tree: dict[str, Any], text: bytes) -> None:
        """Look at what it says of itself.

        Args:
            tree: The parsed text.
            text: The text.

        Raises:
            CodecError: It is no result of a sampler or an estimator.
        """
        self._text, self._tree = text, tree
        if not isinstance(tree["data"], list):
            raise CodecError("The executor's result has no list of data")
        self._version = tree["schema_version"]
        self._role = tree.get("semantic_role")
        self.n_experiments = self._count()
        self._found: PrimitiveResult[Any] | None = None

    def metadata(self) -> dict[str, Any]:
        """Return the metadata that the PUBs have in common."""
        metadata: dict[str, Any] = _fresh(dict(self._decoded().metadata))
        return metadata

    def pub_result(self, offset: int) -> PubResult:
        """Return the result of one PUB.

        Raises:
            CodecError: It cannot be read, qiskit-ibm-runtime is missing, or there is no such PUB.
        """
        self._check(offset)
        pub: PubResult = _fresh(self._decoded()[offset])
        return pub

    def _count(self) -> int:
        if self._role == SAMPLER_ROLE:
            return len(self._tree["data"])
        if self._role == ESTIMATOR_ROLE:
            # Calibration, and each factor of the noise, are items beside those of the PUBs.
            count = _inside(self._tree, "passthrough_data", "post_processor", "num_pubs")
            if type(count) is int and 0 <= count <= len(self._tree["data"]):
                return count
            raise CodecError(f"The executor's result is one of {count!r} PUBs, which is no number")
        raise CodecError(
            f"The executor's result has the role {self._role!r}: it is no sampler's and no "
            f"estimator's, which are {SAMPLER_ROLE!r} and {ESTIMATOR_ROLE!r}"
        )

    def _decoded(self) -> PrimitiveResult[Any]:
        if self._found is None:
            _check_tensors(self._tree)
            self._found = _decode(self._text, self._version, self._role)
            if len(self._found) != self.n_experiments:
                raise CodecError("The client made another number of results of the executor's")
        return self._found


def _fresh(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except RecursionError:
        raise CodecError("The executor's result is nested too deeply") from None


def _inside(tree: Any, *path: str) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _decode(text: bytes, version: Any, role: Any) -> PrimitiveResult[Any]:
    """Have the client make results of PUBs of the executor's.

    Raises:
        CodecError: It cannot, or is not installed.
    """
    try:
        from qiskit_ibm_runtime.decoders.executor.decoder import AVAILABLE_DECODERS
        from qiskit_ibm_runtime.decoders.executor_estimator.decoder import (
            ClientSideEstimatorDecoder,
        )
        from qiskit_ibm_runtime.decoders.executor_sampler.decoder import (
            ClientSideSamplerResultDecoder,
        )
    except ImportError as error:
        raise CodecError(
            "IBM's executor gave this result, which its client reads, and that is not installed "
            f'in the version needed: pip install "qiskit-job-manager[ibm]" ({error})'
        ) from error
    if not isinstance(version, str) or version not in AVAILABLE_DECODERS:
        raise CodecError(
            f"The executor's result has the schema {version!r}, and the installed "
            f"qiskit-ibm-runtime knows {', '.join(AVAILABLE_DECODERS)}; a newer one may read it"
        )
    convert, model = AVAILABLE_DECODERS[version]
    decoder: Any = ClientSideSamplerResultDecoder
    if role == ESTIMATOR_ROLE:
        decoder = ClientSideEstimatorDecoder
    try:
        found: PrimitiveResult[Any] = decoder.decode(convert(model.model_validate_json(text)))
    except Exception as error:
        # What is damaged goes through three packages, and raises whatever each of them raises.
        reason = str(error).partition("\n")[0]
        msg = f"qiskit-ibm-runtime cannot read the executor's result: {type(error).__name__}: "
        raise CodecError(msg + reason) from error
    return found


def _check_tensors(tree: Any) -> None:
    """Check that what is compressed fits into memory before the client inflates it.

    Raises:
        CodecError: It does not.
    """
    left = _MOST_BYTES
    for tensor in _tensors(tree):
        left -= _size(tensor, left)
        if left < 0:
            raise CodecError(
                f"The executor's result says that it has more than {_MOST_BYTES:,} bytes of data"
            )


def _tensors(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.keys() >= _TENSOR and isinstance(each["data"], str):
                yield each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _size(tensor: dict[str, Any], most: int) -> int:
    """Return how many bytes a tensor takes in memory, or more than ``most`` if it is more."""
    width = 8 if tensor["dtype"] == "bool" else 1
    inflater = zlib.decompressobj()
    size = 0
    try:
        data = base64.b64decode(tensor["data"])
        while size <= most and not inflater.eof:
            step = inflater.decompress(data, _STEP_BYTES)
            if not step and not inflater.unconsumed_tail:
                break
            size += len(step) * width
            data = inflater.unconsumed_tail
    except (ValueError, zlib.error):
        return 0  # the client will say what is wrong with it
    return size
