"""Operations that QPY would change or could not read again, as plain values.

An operation is kept as a tuple, whose first item tells its form:

    "delay"      duration, unit, label if it has one
    "save"       a save instruction of Aer (see `aer_saves`): its parts
    "annotated"  base operation, modifiers as tuples (class, arguments)
    "built"      of Qiskit's library: class, arguments of its constructor by name, label
    "state"      of Qiskit's library: class, version of Qiskit, all attributes by name. For what no
                 arguments of the constructor give
    "custom"     family ("Gate", ...), name, numbers of qubits and of classical bits, label,
                 parameters, definition as an encoded circuit or None, and of a ControlledGate:
                 number of control qubits, control state, base gate

Classes are looked up in fixed modules of Qiskit by name, as QPY itself does. What is not a plain
value in parameters and attributes is a tuple of a word and its parts (see `_keepers`).
"""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from qiskit_job_manager.codec.aer_saves import build_save, is_save, save_parts
from qiskit_job_manager.codec.circuit_content import (
    KNOWN_BY_NAME,
    MODIFIERS,
    Scope,
    UnknownContentError,
    base_class,
    custom_content,
    definition_of,
    is_library,
    operation_content,
)
from qiskit_job_manager.codec.qpy_files import dump_qpy, load_qpy
from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit import QuantumCircuit


_FAMILIES = ("ControlledGate", "Gate", "Instruction")
# Attributes that only hold what can be computed again.
_CACHES = frozenset({"_definition", "validate_parameter"})
_SYNTHESES = frozenset(
    {"LieTrotter", "MatrixExponential", "ProductFormula", "QDrift", "SuzukiTrotter"}
)
_LEAVES = (type(None), bool, int, float, complex, str, bytes, np.number, np.bool_)

Kept = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class OperationCodec:
    """Keeps operations, and builds them again.

    Attributes:
        encode: Encodes a circuit that is a definition.
        decode: Decodes it.
    """

    encode: Callable[[QuantumCircuit], bytes]
    decode: Callable[[bytes], QuantumCircuit]

    def keep(self, operation: Any) -> Kept:
        """Return an operation as plain values from which an equal one is built.

        Raises:
            CodecError: It can be kept in no form; the message says why.
        """
        if operation.name == "delay" and base_class(operation).__name__ == "Delay":
            label = (operation.label,) if operation.label else ()
            return ("delay", self._value(operation.duration), operation.unit, *label)
        reason = "Qiskit's own file format does not give it back as it was"
        for form in (self._save, self._annotated, self._built, self._state, self._custom):
            try:
                kept = form(operation)
                if kept and _is_same(operation, self.build(decode_value(encode_value(kept)))):
                    return kept
            except CodecError as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001  # Qiskit's constructors raise what they will
                reason = f"{type(error).__name__}: {error}"
        raise CodecError(reason)

    def build(self, kept: Any) -> Any:
        """Return the operation that `keep` kept.

        Raises:
            CodecError: The values are none that `keep` gives.
            Exception: They do not fit Qiskit, which raises what it will.
        """
        form, *parts = kept
        builders: dict[Any, Callable[..., Any]] = {
            "delay": self._build_delay,
            "save": build_save,
            "annotated": self._build_annotated,
            "built": self._build_built,
            "state": self._build_state,
            "custom": self._build_custom,
        }
        if form not in builders:
            raise CodecError(f"A stored operation is kept in the unknown form {form!r}")
        return builders[form](*parts)

    # -- forms ----------------------------------------------------------------------------------

    def _build_delay(self, duration: Any, unit: str, label: str | None = None) -> Any:
        from qiskit.circuit import Delay

        delay = Delay(self._thaw(duration), unit)
        delay.label = label
        return delay

    def _save(self, operation: Any) -> Kept | None:
        return ("save", *save_parts(operation)) if is_save(operation) else None

    def _annotated(self, operation: Any) -> Kept | None:
        if not hasattr(operation, "modifiers"):
            return None
        modifiers = []
        for each in operation.modifiers:
            name = type(each).__name__
            if name not in MODIFIERS:
                raise CodecError(f"{each!r} is no modifier of Qiskit")
            modifiers.append((name, *(getattr(each, part) for part in MODIFIERS[name])))
        return ("annotated", self.keep(operation.base_op), modifiers)

    def _build_annotated(self, base: Any, modifiers: Any) -> Any:
        from qiskit import circuit

        made = []
        for name, *arguments in modifiers:
            if name not in MODIFIERS:
                raise CodecError(f"A stored operation has the unknown modifier {name!r}")
            made.append(getattr(circuit, name)(*arguments))
        return circuit.AnnotatedOperation(self.build(base), made)

    def _built(self, operation: Any) -> Kept | None:
        if not is_library(operation):
            return None
        name = base_class(operation).__name__
        for arguments in likely_arguments(operation):
            kept = {key: self._value(each) for key, each in arguments.items()}
            with contextlib.suppress(Exception):  # Qiskit's constructors raise what they will
                if _is_same(operation, self._build_built(name, kept, operation.label)):
                    return ("built", name, kept, operation.label)
        return None

    def _build_built(self, name: str, arguments: Any, label: str | None) -> Any:
        kind = _library_class(name)
        operation = kind(**{key: self._thaw(each) for key, each in arguments.items()})
        if operation.label != label:
            operation = operation.to_mutable()
            operation.label = label
        return operation

    def _state(self, operation: Any) -> Kept | None:
        if not is_library(operation):
            return None
        attributes = {
            name: self._value(each) for name, each in vars(operation).items() if name not in _CACHES
        }
        return ("state", base_class(operation).__name__, _version(), attributes)

    def _build_state(self, name: str, version: str, attributes: Any) -> Any:
        if version != _version():
            raise CodecError(
                f"A stored {name} was kept by Qiskit {version}, in a form that Qiskit {_version()} "
                "may not understand; read it with that version"
            )
        operation = object.__new__(_library_class(name))
        vars(operation).update(
            _definition=None, **{key: self._thaw(each) for key, each in attributes.items()}
        )
        return operation

    def _custom(self, operation: Any) -> Kept | None:
        general = hasattr(operation, "definition")
        if not general or (is_library(operation) and operation.name in KNOWN_BY_NAME):
            return None
        definition = definition_of(operation)
        control: Kept = ()
        controlled = hasattr(operation, "num_ctrl_qubits")
        if controlled:
            definition = operation._definition  # made by now, and without the control state
            base = self.keep(operation.base_gate)
            control = (operation.num_ctrl_qubits, operation.ctrl_state, base)
        return (
            "custom",
            _family(operation),
            operation._name if controlled else operation.name,
            operation.num_qubits,
            operation.num_clbits,
            operation.label,
            [self._value(each) for each in operation.params],
            None if definition is None else self.encode(definition),
            *control,
        )

    def _build_custom(
        self,
        family: str,
        name: str,
        qubits: int,
        clbits: int,
        label: str | None,
        params: Any,
        definition: bytes | None,
        *control: Any,
    ) -> Any:
        from qiskit import circuit

        if family not in _FAMILIES:
            raise CodecError(f"A stored operation is of the unknown family {family!r}")
        inner = None if definition is None else self.decode(definition)
        if family == "ControlledGate":
            number, state, base = control
            # The constructor would set the parameters of the base gate.
            placeholder = circuit.library.GlobalPhaseGate(0)
            made = circuit.ControlledGate(
                name, qubits, [], label, number, inner, state, placeholder
            )
            made.base_gate = self.build(base)
            return made
        made = (
            circuit.Gate(name, qubits, [], label)
            if family == "Gate"
            else circuit.Instruction(name, qubits, clbits, [], label=label)
        )
        made._params = [
            self._thaw(each) for each in params
        ]  # the setter refuses parameters that only some classes take
        made.definition = inner
        return made

    # -- values ---------------------------------------------------------------------------------

    def _value(self, value: Any) -> Any:
        """Return a parameter or attribute as a plain value, or as a tuple of a word and parts."""
        if isinstance(value, _LEAVES) or _is_plain_array(value):
            return value
        for kind, word, take in _keepers():
            if isinstance(value, kind):
                return (word, *(self._value(each) for each in take(value)))
        return self._special(value)

    def _special(self, value: Any) -> Any:
        from qiskit import QuantumCircuit
        from qiskit.circuit import Operation

        if isinstance(value, QuantumCircuit):
            return ("circuit", self.encode(value))
        if isinstance(value, Operation):
            return ("operation", self.keep(value))
        if type(value).__name__ in _SYNTHESES:
            return ("synthesis", type(value).__name__, self._value(vars(value)))
        raise UnknownContentError(f"a value of type {type(value).__name__} cannot be kept")

    def _thaw(self, value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        word, *parts = value
        if word == "operation":
            return self.build(*parts)
        if word == "circuit":
            return self.decode(*parts)
        values = [self._thaw(each) for each in parts]
        if word == "synthesis":
            return _synthesis(*values)
        if word not in _builders():
            raise CodecError(f"A stored operation has a value of the unknown kind {word!r}")
        return _builders()[word](*values)


def _is_same(given: Any, built: Any) -> bool:
    scope = Scope({})
    tell = operation_content
    if is_library(given) and not is_library(built):
        tell = custom_content
    return repr(tell(given, scope)) == repr(tell(built, scope))


def _family(operation: Any) -> str:
    from qiskit import circuit

    return next(name for name in _FAMILIES if isinstance(operation, getattr(circuit, name)))


def _version() -> str:
    import qiskit

    return ".".join(qiskit.__version__.split(".")[:2])


def _library_class(name: str) -> Any:
    from qiskit import circuit
    from qiskit.circuit import library

    kind = getattr(library, name, None) or getattr(circuit, name, None)
    if not (inspect.isclass(kind) and issubclass(kind, circuit.Instruction)):
        raise CodecError(f"{name!r} is no operation of Qiskit's library")
    return kind


def _is_plain_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and not value.dtype.hasobject


def _synthesis(name: str, attributes: Any) -> Any:
    from qiskit import synthesis

    if name not in _SYNTHESES:
        raise CodecError(f"{name!r} is no synthesis of Qiskit")
    value = object.__new__(getattr(synthesis, name))
    vars(value).update(attributes)
    return value


@lru_cache(maxsize=1)
def _keepers() -> tuple[tuple[type, str, Callable[[Any], Any]], ...]:
    """Return for each type that is taken apart: a word for it, and what gives its parts."""
    from qiskit.circuit import Parameter, ParameterExpression, ParameterVectorElement
    from qiskit.quantum_info import Clifford, Pauli, PauliList, SparseObservable, SparsePauliOp
    from qiskit.synthesis.boolean.boolean_expression import BooleanExpression

    return (
        (list, "list", list),
        (tuple, "tuple", list),
        (set, "set", list),
        (dict, "dict", lambda value: [each for item in value.items() for each in item]),
        (range, "range", lambda value: [value.start, value.stop, value.step]),
        (np.ndarray, "objects", lambda value: [list(value.shape), *value.ravel().tolist()]),
        (ParameterVectorElement, "expression", lambda value: [_expression_bytes(value)]),
        (Parameter, "parameter", lambda value: [value.name, value.uuid.bytes]),
        (ParameterExpression, "expression", lambda value: [_expression_bytes(value)]),
        (Pauli, "pauli", lambda value: [value.to_label()]),
        (PauliList, "paulis", lambda value: [value.to_labels()]),
        (SparsePauliOp, "pauli sum", lambda value: [value.paulis.to_labels(), value.coeffs]),
        (
            SparseObservable,
            "observable",
            lambda value: [value.to_sparse_list(), value.num_qubits],
        ),
        (Clifford, "clifford", lambda value: [value.tableau]),
        (BooleanExpression, "boolean", lambda value: [value.expression, list(value.args)]),
    )


@lru_cache(maxsize=1)
def _builders() -> dict[str, Callable[..., Any]]:
    """Return for each word of `_keepers` what puts the parts together again."""
    from qiskit import quantum_info
    from qiskit.circuit import Parameter
    from qiskit.synthesis.boolean.boolean_expression import BooleanExpression

    return {
        "list": lambda *parts: list(parts),
        "tuple": lambda *parts: parts,
        "set": lambda *parts: set(parts),
        "dict": lambda *parts: dict(zip(parts[::2], parts[1::2], strict=True)),
        "range": range,
        "objects": lambda shape, *parts: np.array(parts, object).reshape(shape),
        "parameter": lambda name, uuid: Parameter(name, UUID(bytes=uuid)),
        "expression": _expression,
        "pauli": quantum_info.Pauli,
        "paulis": quantum_info.PauliList,
        "pauli sum": quantum_info.SparsePauliOp,
        "observable": quantum_info.SparseObservable.from_sparse_list,
        "clifford": lambda tableau: quantum_info.Clifford(tableau, validate=False),
        "boolean": BooleanExpression,
    }


def _expression_bytes(value: Any) -> bytes:
    """Return a parameter expression as the global phase of a circuit without qubits."""
    from qiskit import QuantumCircuit

    return dump_qpy(QuantumCircuit(global_phase=value))


def _expression(data: bytes) -> Any:
    return load_qpy(data).global_phase


# -- what an operation was constructed with, as far as it can be told ------------------------------

# Arguments that are kept under other names.
_ATTRIBUTES = {"expression": "boolean_expression", "gate": "base_gate", "rot_axis": "rot_axes"}


def likely_arguments(operation: Any) -> Iterator[dict[str, Any]]:
    """Guess what an operation was constructed with, from attributes and parameters of like names.

    The caller must construct it with each guess, and compare.

    Yields:
        Arguments of the constructor, by name.
    """
    kind = base_class(operation)
    if kind.__name__ in ("Initialize", "StatePreparation"):
        yield _arguments_of_a_state(getattr(operation, "_stateprep", operation), kind)
        return
    arguments, missing = _arguments_by_name(operation, kind)
    params = list(operation.params)
    if len(missing) == len(params):
        yield arguments | dict(zip(missing, params, strict=True))
    if len(missing) == 1:
        yield arguments | {missing[0]: params}
    # A number of qubits, without those that the constructor adds.
    number = missing[0] if missing else "num_qubits"
    if number.startswith("num_") and len(missing) <= 1:
        for count in range(1, operation.num_qubits):
            yield arguments | {number: count}


def _arguments_by_name(operation: Any, kind: type) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments that are attributes, and the names of others that must be given."""
    arguments, missing = {}, []
    for name, needed in _signature(kind):
        attributes = (f"_{name}", name, _ATTRIBUTES.get(name, name))
        attribute = next((each for each in attributes if hasattr(operation, each)), None)
        if attribute and name != "params":
            arguments[name] = getattr(operation, attribute)
        elif needed:
            missing.append(name)
    return arguments, missing


def _arguments_of_a_state(preparation: Any, kind: type) -> dict[str, Any]:
    arguments = {"params": preparation._params_arg}
    if preparation._from_int:
        arguments["num_qubits"] = preparation.num_qubits
    if kind.__name__ == "StatePreparation":
        arguments["inverse"] = preparation._inverse
    return arguments


@lru_cache(maxsize=256)
def _signature(kind: type) -> list[tuple[str, bool]]:
    """Return the arguments of a constructor by name, and whether each must be given."""
    return [
        (each.name, each.default is each.empty)
        for each in inspect.signature(kind).parameters.values()
        if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
