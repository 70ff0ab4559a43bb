"""What a circuit says, as plain values: all that can change its outcome, and nothing else.

Two circuits that say the same give equal values, in every process. So names that Qiskit counts up
(``circuit-41``, ``q7``), random ids, the order of hash maps, names and layouts are not in the
values, nor is metadata. Everything else is: operations with their parameters, units, labels,
modifiers, attributes and definitions, in the order of the circuit, on numbered bits.

The class, the parameters and the attributes tell an operation of Qiskit's own library. The name,
the parameters and the definition tell any other operation, or its matrix if it has no definition.
Its parameters and its value at one point tell a parameter expression; the point is random, so only
expressions that are equal everywhere have the same value there.

The values are tuples of plain Python values, down to the bytes of arrays: two are equal if their
``repr`` is.
"""

from __future__ import annotations

import contextlib
import math
import random
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from qiskit import QuantumCircuit

COUNTED_CIRCUIT = re.compile(r"circuit-\d+(-\d+)?")
COUNTED_REGISTER = re.compile(r"[a-z]\d+")
_RANDOM_SUFFIX = re.compile(r"_[0-9a-f]{32}")
_NOT_SAID = frozenset(
    {
        "_ctrl_state",  # said by the public name, which knows the default
        "_definition",  # follows from the rest
        "_label",
        "_name",
        "_num_clbits",
        "_num_qubits",
        "_params",
        "validate_parameter",  # a method that Qiskit puts on single gates
    }
)


class UnknownContentError(CodecError):
    """Something in a circuit is of a type of which nothing certain can be said."""


@dataclass(frozen=True)
class Scope:
    """What bits, parameters and variables are called at one place of a circuit.

    Attributes:
        bits: The number of each bit in the outermost circuit.
        names: The canonical name of each loop parameter, variable and stretch.
        depth: How many circuits this one is in.
    """

    bits: dict[Any, int]
    names: dict[Any, tuple[Any, ...]] = field(default_factory=dict)
    depth: int = 0

    @classmethod
    def of(cls, circuit: QuantumCircuit) -> Scope:
        """Return the scope of an outermost circuit or of a definition."""
        scope = cls(_numbered(circuit))
        scope.declare(circuit)
        return scope

    def declare(self, circuit: QuantumCircuit) -> None:
        """Name the variables and stretches that a circuit declares, by their order."""
        for variable in (
            *circuit.iter_input_vars(),
            *circuit.iter_declared_vars(),
            *circuit.iter_declared_stretches(),
        ):
            self.names.setdefault(variable, ("declared", len(self.names)))

    def block(self, instruction: Any, body: QuantumCircuit) -> Scope:
        """Return the scope of a block of a control-flow instruction."""
        outer = [self.bits[each] for each in (*instruction.qubits, *instruction.clbits)]
        bits = dict(zip((*body.qubits, *body.clbits), outer, strict=True))
        scope = Scope(bits, self.names, self.depth + 1)
        scope.declare(body)
        operation = instruction.operation
        if operation.name == "for_loop" and operation.params[1] is not None:
            scope.names[operation.params[1]] = ("loop", scope.depth)
        return scope


def _numbered(circuit: QuantumCircuit) -> dict[Any, int]:
    numbers = {bit: number for number, bit in enumerate(circuit.qubits)}
    numbers.update((bit, number) for number, bit in enumerate(circuit.clbits))
    return numbers


def circuit_content(circuit: QuantumCircuit) -> tuple[Any, ...]:
    """Return all that a circuit says: its head, and its instructions.

    Raises:
        UnknownContentError: It has an instruction of which nothing certain can be said.
    """
    scope = Scope.of(circuit)
    return (
        tuple(head_content(circuit).items()),
        tuple([instruction_content(each, scope) for each in circuit.data]),
    )


def head_content(circuit: QuantumCircuit) -> dict[str, Any]:
    """Return what a circuit says beside its instructions, each part under a name for messages."""
    scope = Scope.of(circuit)
    return {
        "number of qubits": circuit.num_qubits,
        "number of classical bits": circuit.num_clbits,
        "registers": _registers(circuit, scope),
        "global phase": _phase(circuit.global_phase, scope),
        "parameters": tuple(each.name for each in circuit.parameters),
        "variables": tuple(
            (each.name, str(each.type))
            for each in (*circuit.iter_vars(), *circuit.iter_stretches())
        ),
    }


def _registers(circuit: QuantumCircuit, scope: Scope) -> tuple[Any, ...]:
    return tuple(
        (kind, canonical_register_name(each.name), _bits(each, scope))
        for kind, registers in (("q", circuit.qregs), ("c", circuit.cregs))
        for each in registers
    )


def canonical_register_name(name: str) -> str:
    """Return the name of a register, without its number if Qiskit may have counted it up."""
    return name[0] if COUNTED_REGISTER.fullmatch(name) else name


def canonical_name(name: str | None) -> str | None:
    """Return the name or label of an operation without what Qiskit counts or draws.

    An empty label is none, for simulators and for QPY alike.
    """
    if not name:
        return None
    return _RANDOM_SUFFIX.sub("", COUNTED_CIRCUIT.sub("circuit", name))


def _phase(value: Any, scope: Scope) -> Any:
    """Return what a global phase says.

    A full turn is none: Qiskit rounds -1e-17 to 2 pi, and reads 2 pi back as 0.
    """
    said = _value(value, scope)
    return said % math.tau if isinstance(said, float) else said


def _bits(register: Any, scope: Scope) -> tuple[int, ...]:
    try:
        return tuple([scope.bits[bit] for bit in register])
    except KeyError:
        raise UnknownContentError(f"the circuit has no register {register.name!r}") from None


# -- instructions ---------------------------------------------------------------------------------


def instruction_content(instruction: Any, scope: Scope) -> tuple[Any, ...]:
    """Return what one instruction of a circuit says: its operation, and its bits."""
    if instruction.is_standard_gate():
        params = tuple([_value(each, scope) for each in instruction.params])
        said: tuple[Any, ...] = ("standard", instruction.name, instruction.label, params)
        if instruction.label is not None:
            said = ("standard", instruction.name, canonical_name(instruction.label), params)
    elif getattr(instruction.operation, "blocks", ()):
        return _control_flow(instruction, scope)
    else:
        said = operation_content(instruction.operation, scope)
    bits = scope.bits
    return (
        said,
        tuple([bits[each] for each in instruction.qubits]),
        tuple([bits[each] for each in instruction.clbits]),
    )


def _control_flow(instruction: Any, scope: Scope) -> tuple[Any, ...]:
    """Return what a control-flow instruction says.

    Qiskit lists the bits of a block in the order of a hash map. So they are sorted here, and the
    instructions of the block stand on the bits of the outermost circuit.
    """
    operation = instruction.operation
    blocks = []
    for body in operation.blocks:
        inner = scope.block(instruction, body)
        said = tuple(instruction_content(each, inner) for each in body.data)
        blocks.append((_phase(body.global_phase, inner), said))
    return (
        (
            "control flow",
            operation.name,
            canonical_name(operation.label),
            control_content(operation, scope),
        ),
        tuple(sorted(scope.bits[each] for each in instruction.qubits)),
        tuple(sorted(scope.bits[each] for each in instruction.clbits)),
        tuple(blocks),
    )


def control_content(operation: Any, scope: Scope) -> tuple[Any, ...]:
    """Return what decides how the blocks of a control-flow operation run."""
    if operation.name == "for_loop":
        indices, parameter, _ = operation.params
        return (_value(indices, scope), parameter is not None)
    if operation.name == "switch_case":
        cases = tuple(
            tuple(each if isinstance(each, int) else "default" for each in values)
            for values, _ in operation.cases_specifier()
        )
        return (_value(operation.target, scope), cases)
    if operation.name == "box":
        annotations = tuple(_value(each, scope) for each in operation.annotations)
        return (_value(operation.duration, scope), operation.unit, annotations)
    return (_condition(operation.condition, scope),)


def _condition(condition: Any, scope: Scope) -> Any:
    if isinstance(condition, tuple):
        target, value = condition
        return (_value(target, scope), int(value))
    return _value(condition, scope)


def operation_content(operation: Any, scope: Scope) -> tuple[Any, ...]:
    """Return what an operation without blocks says.

    Raises:
        UnknownContentError: Nothing certain can be said of it.
    """
    if hasattr(operation, "modifiers") and hasattr(operation, "base_op"):
        modifiers = tuple(_modifier(each) for each in operation.modifiers)
        return ("annotated", operation_content(operation.base_op, scope), modifiers)
    if hasattr(operation, "tableau"):  # a Clifford
        return ("clifford", _value(operation.tableau, scope))
    if base_class(operation).__name__ == "Delay" and operation.name == "delay":
        return ("delay", _value(operation.duration, scope), operation.unit, operation.label)
    if is_library(operation):
        try:
            return _library_content(operation, scope)
        except UnknownContentError:
            if operation.name in KNOWN_BY_NAME:
                raise
    return custom_content(operation, scope)


# Simulators run these by their name and parameters, and so need the operation itself.
KNOWN_BY_NAME = frozenset(
    {
        "delay",
        "diagonal",
        "initialize",
        "kraus",
        "mcp",
        "mcphase",
        "mcx",
        "multiplexer",
        "pauli",
        "superop",
        "unitary",
    }
)


def _modifier(modifier: Any) -> tuple[Any, ...]:
    parts = MODIFIERS.get(type(modifier).__name__)
    if parts is None:
        raise UnknownContentError(f"{modifier!r} is no modifier")
    return (type(modifier).__name__, *(number(getattr(modifier, part)) for part in parts))


MODIFIERS: dict[str, tuple[str, ...]] = {
    "ControlModifier": ("num_ctrl_qubits", "ctrl_state"),
    "InverseModifier": (),
    "PowerModifier": ("power",),
}


def is_library(operation: Any) -> bool:
    """Tell whether an operation is of a class of Qiskit's library, and not a general one."""
    return _is_library_class(base_class(operation))


def base_class(operation: Any) -> Any:
    """Return the class of an operation, without those that Qiskit makes for single gates.

    Qiskit takes what derives from some classes for these themselves.
    """
    kind: Any = type(operation)
    return _known_base(getattr(operation, "base_class", kind))


@lru_cache(maxsize=1024)
def _known_base(kind: Any) -> Any:
    from qiskit.circuit import Barrier, Delay, Measure, Reset
    from qiskit.circuit.library import UnitaryGate

    return next(
        (each for each in (Barrier, Delay, Measure, Reset, UnitaryGate) if each in kind.__mro__),
        kind,
    )


@lru_cache(maxsize=1024)
def _is_library_class(kind: Any) -> bool:
    from qiskit import circuit
    from qiskit.circuit import library

    if kind in (circuit.ControlledGate, circuit.Gate, circuit.Instruction):
        return False
    return any(getattr(module, kind.__name__, None) is kind for module in (library, circuit))


def _library_content(operation: Any, scope: Scope) -> tuple[Any, ...]:
    attributes = (
        (name, _value(each, scope))
        for name, each in sorted(vars(operation).items())
        if name not in _NOT_SAID
    )
    return (
        "library",
        base_class(operation).__name__,
        canonical_name(operation.name),
        canonical_name(operation.label),
        (operation.num_qubits, operation.num_clbits),
        tuple(_value(each, scope) for each in operation.params),
        tuple(attributes),
    )


def custom_content(operation: Any, scope: Scope) -> tuple[Any, ...]:
    """Return what an operation says, by its name and definition.

    Raises:
        UnknownContentError: It has neither definition nor matrix, and parameters of unknown types.
    """
    if hasattr(operation, "_quantum_error"):
        raise UnknownContentError(
            "a noise channel of Aer cannot be stored; append qiskit.quantum_info.Kraus(error)"
        )
    control: tuple[Any, ...] = ()
    if hasattr(operation, "num_ctrl_qubits"):
        base = operation_content(operation.base_gate, scope)
        control = (operation.num_ctrl_qubits, operation.ctrl_state, base)
    definition = definition_of(operation)
    return (
        "custom",
        canonical_name(operation.name),
        canonical_name(getattr(operation, "label", None)),
        (operation.num_qubits, operation.num_clbits),
        tuple(
            _value_if_known(each, scope, needed=definition is None)
            for each in getattr(operation, "params", ())
        ),
        getattr(operation, "_subtype", None),  # of the save instructions of Aer
        control,
        None if definition is None else definition_content(definition),
    )


def _value_if_known(value: Any, scope: Scope, *, needed: bool) -> Any:
    """Return what a parameter says, or only its type where a definition says the rest."""
    try:
        return _value(value, scope)
    except UnknownContentError:
        if needed:
            raise
        return ("unknown", f"{type(value).__module__}.{type(value).__qualname__}")


def definition_of(operation: Any) -> QuantumCircuit | None:
    """Return the definition of an operation, or one with its matrix, or ``None``."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitError

    with contextlib.suppress(CircuitError, TypeError, ValueError, AttributeError):
        # It may raise if all that it has is a matrix.
        definition: QuantumCircuit | None = getattr(operation, "definition", None)
        if definition is not None:
            return definition
    if not hasattr(operation, "__array__"):
        return None
    try:
        matrix = np.asarray(operation.__array__(), complex)
    except (CircuitError, TypeError, ValueError, AttributeError):
        return None  # as a gate has the method, but no matrix
    definition = QuantumCircuit(operation.num_qubits)
    definition.unitary(matrix, definition.qubits)
    return definition


def definition_content(circuit: QuantumCircuit) -> tuple[Any, ...]:
    """Return what the definition of an operation says."""
    scope = Scope.of(circuit)
    instructions = tuple(instruction_content(each, scope) for each in circuit.data)
    size = (circuit.num_qubits, circuit.num_clbits)
    return (size, _phase(circuit.global_phase, scope), instructions)


# -- values ---------------------------------------------------------------------------------------


def number(value: Any) -> Any:
    """Return a number of any type as the plain one that equals it: int, float or complex."""
    if isinstance(value, complex | np.complexfloating):
        return complex(value) if value.imag else float(value.real)
    if isinstance(value, bool | int | np.integer | np.bool_):
        return float(value) if abs(int(value)) < 2**53 else int(value)
    return float(value)


def _value(value: Any, scope: Scope) -> Any:
    kind = type(value)
    if kind is float or value is None or kind is str or kind is bytes:
        return value
    if isinstance(value, bool | int | float | complex | np.number | np.bool_):
        return number(value)
    try:
        teller = _teller(cast("Hashable", type(value)))
    except TypeError:
        teller = None
    if teller is None:
        raise UnknownContentError(f"nothing is known of a value of type {type(value).__name__}")
    return teller(value, scope)


@lru_cache(maxsize=1024)
def _teller(kind: Any) -> Callable[[Any, Scope], Any] | None:
    """Return what tells values of a type."""
    for base in kind.__mro__:
        found = _tellers().get(base)
        if found is not None:
            return found
    module = kind.__module__
    return _object_content if module.startswith(_KNOWN_MODULES) else None


_KNOWN_MODULES = ("qiskit.synthesis.", "qiskit.quantum_info.", "qiskit_aer.")


@lru_cache(maxsize=1)
def _tellers() -> dict[Any, Callable[[Any, Scope], Any]]:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Bit, Duration, Operation, ParameterExpression, Register
    from qiskit.circuit.classical import expr
    from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp
    from qiskit.synthesis.boolean.boolean_expression import BooleanExpression

    return {
        np.ndarray: _array_content,
        list: _sequence_content,
        tuple: _sequence_content,
        range: lambda value, _: ("range", value.start, value.stop, value.step),
        set: _set_content,
        frozenset: _set_content,
        dict: _dict_content,
        ParameterExpression: _expression_content,
        QuantumCircuit: lambda value, _: definition_content(value),
        Operation: operation_content,
        Bit: _bit_content,
        Register: lambda value, scope: ("register", _bits(value, scope)),
        Duration: lambda value, _: ("duration", repr(value)),
        expr.Expr: _classical_content,
        Pauli: lambda value, _: ("pauli", value.to_label()),
        PauliList: lambda value, _: ("paulis", tuple(value.to_labels())),
        SparsePauliOp: _pauli_sum_content,
        SparseObservable: lambda value, scope: (
            value.num_qubits,
            _value(value.to_sparse_list(), scope),
        ),
        BooleanExpression: lambda value, _: (value.expression, tuple(value.args)),
    }


def _bit_content(value: Any, scope: Scope) -> tuple[Any, ...]:
    if value not in scope.bits:
        raise UnknownContentError(f"the circuit has no bit {value!r}")
    return ("bit", scope.bits[value])


def _array_content(value: Any, scope: Scope) -> Any:
    if value.dtype.kind == "O":
        return ("array", value.shape, tuple(_value(each, scope) for each in value.ravel()))
    if value.dtype.kind not in "biufc":
        raise UnknownContentError(f"nothing is known of an array of {value.dtype}")
    if value.dtype.kind == "c" and not value.imag.any():
        value = value.real
    wide = complex if value.dtype.kind == "c" else float
    return ("array", value.shape, np.ascontiguousarray(value, wide).tobytes())


def _sequence_content(value: Any, scope: Scope) -> tuple[Any, ...]:
    return tuple(_value(each, scope) for each in value)


def _set_content(value: Any, scope: Scope) -> tuple[Any, ...]:
    return tuple(sorted((_value(each, scope) for each in value), key=repr))


def _dict_content(value: Any, scope: Scope) -> tuple[Any, ...]:
    items = ((_value(key, scope), _value(each, scope)) for key, each in value.items())
    return tuple(sorted(items, key=repr))


def _pauli_sum_content(value: Any, scope: Scope) -> tuple[Any, ...]:
    return ("pauli sum", tuple(value.paulis.to_labels()), _value(value.coeffs, scope))


def _object_content(value: Any, scope: Scope) -> tuple[Any, ...]:
    kind = type(value)
    return (f"{kind.__module__}.{kind.__qualname__}", _dict_content(vars(value), scope))


def _expression_content(value: Any, scope: Scope) -> tuple[Any, ...]:
    if isinstance(value, _parameter_class()):
        loop = scope.names.get(value)
        if loop is None:
            return ("expression", (), (value.name,), coordinate(value.name))
        return ("expression", (loop,), (), coordinate(loop))
    loops = [scope.names[each] for each in value.parameters if each in scope.names]
    free = sorted([each.name for each in value.parameters if each not in scope.names])
    point = {each: coordinate(scope.names.get(each, each.name)) for each in value.parameters}
    try:
        at_point = number(value.bind(point).numeric())
    except Exception:  # noqa: BLE001  # of any function, outside of where it has values
        at_point = str(value)
    return ("expression", tuple(sorted(loops)), tuple(free), at_point)


@lru_cache(maxsize=1)
def _parameter_class() -> Any:
    from qiskit.circuit import Parameter

    return Parameter


@lru_cache(maxsize=4096)
def coordinate(name: Any) -> float:
    """Return the value of a parameter at the one point that tells expressions apart."""
    return random.Random(repr(name)).random()  # noqa: S311  # it is to be the same everywhere


def _classical_content(value: Any, scope: Scope) -> tuple[Any, ...]:
    """Return what a classical expression says: its tree, with numbered variables and bits."""
    kind = type(value).__name__
    if kind in ("Var", "Stretch") and value in scope.names:
        return ("variable", scope.names[value])
    said = tuple(_part(getattr(value, part), scope) for part in _PARTS[kind])
    return (kind, str(value.type), said)


_PARTS = {
    "Binary": ("op", "left", "right"),
    "Cast": ("operand",),
    "Index": ("target", "index"),
    "Stretch": ("name",),
    "Unary": ("op", "operand"),
    "Value": ("value",),
    "Var": ("var", "name"),
}


def _part(part: Any, scope: Scope) -> Any:
    if hasattr(part, "name") and hasattr(part, "value"):  # an operator
        return part.name
    return _value(part, scope)
