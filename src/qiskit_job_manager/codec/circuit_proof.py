"""Proves that what is stored of a circuit gives the circuit back.

QPY writes only the name and the parameters of an operation that it does not know. So it changes
some operations without a word; others it writes and cannot read. So a circuit counts as stored only
when it was read back and found equal, instruction by instruction (see `circuit_content`). The notes
keep an operation that does not come back (see `circuit_notes`). If they cannot, the circuit is
refused. The name of an operation decides nothing here: a user may give any name.

Circuits of instructions in `PROVEN` alone need no reading: tests prove these once for all. As an
operation may have the name of another, `identity.plain_body` makes sure that there are no others.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuit_content import (
    Scope,
    UnknownContentError,
    head_content,
    instruction_content,
)
from qiskit_job_manager.codec.circuit_notes import Path, with_operations
from qiskit_job_manager.codec.qpy_files import LONGEST_NAME_BYTES, dump_qpy, load_qpy
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit import QuantumCircuit

    from qiskit_job_manager.codec.kept_operations import Kept, OperationCodec

# Names of instructions that QPY gives back as they were, labels and parameters included, as long as
# the circuit has no definitions of its own. "delay", "initialize" and "mcx" are not among them.
# fmt: off
PROVEN = frozenset((
    "barrier", "measure", "reset", "unitary", "h", "id", "x", "y", "z", "p", "r", "rx", "ry",
    "rz", "s", "sdg", "sx", "sxdg", "t", "tdg", "u", "u1", "u2", "u3", "ch", "cx", "cy", "cz",
    "dcx", "ecr", "swap", "iswap", "cp", "crx", "cry", "crz", "cs", "csdg", "csx", "cu", "cu1",
    "cu3", "rxx", "ryy", "rzz", "rzx", "xx_minus_yy", "xx_plus_yy", "ccx", "ccz", "cswap", "rccx",
    "rcccx", "global_phase",
))
# fmt: on
# And the classes of those of them that are no standard gates.
_CLASSES = frozenset(("Barrier", "Measure", "Reset", "UnitaryGate"))
_MOST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Proved:
    """What gives a circuit back, as was proved.

    Attributes:
        qpy: A QPY file.
        kept: The operations that are kept beside it, by their paths.
        content: What the circuit says (see `circuit_content`).
    """

    qpy: bytes
    kept: dict[Path, Kept]
    content: tuple[Any, ...]


def prove(circuit: QuantumCircuit, codec: OperationCodec, *, metadata: bool) -> Proved:
    """Return what gives a circuit back.

    Args:
        circuit: The circuit.
        codec: Keeps operations.
        metadata: Whether the file has the circuit's metadata.

    Raises:
        CodecError: An instruction can be kept in no form; the message names it and says what to do.
    """
    with warnings.catch_warnings():
        # Of classes that are deprecated, and of vectors of parameters that are not used whole: the
        # caller has heard of the first, and may not hear of the second.
        warnings.simplefilter("ignore")
        return _proved(circuit, codec, metadata=metadata)


def content_of(circuit: QuantumCircuit) -> tuple[Any, ...]:
    """Return what a circuit says (see `circuit_content`), whether or not it can be kept.

    Raises:
        CodecError: Nothing certain can be said of an instruction; the message names it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        return (tuple(head_content(circuit).items()), _said(circuit))


def _said(circuit: QuantumCircuit) -> tuple[Any, ...]:
    scope = Scope.of(circuit)
    return tuple([_content(each, scope, (n,)) for n, each in enumerate(circuit.data)])


def _proved(circuit: QuantumCircuit, codec: OperationCodec, *, metadata: bool) -> Proved:
    said = _said(circuit)
    known = {path: each for path, each in _leaves(circuit) if _is_known_to_change(each.operation)}
    kept, places = _all_kept(known, codec), _placeholders(known)
    for _ in range(_MOST_ROUNDS):
        try:
            data = dump_qpy(with_operations(circuit, places), metadata=metadata)
            read = load_qpy(data)
        except Exception as error:  # noqa: BLE001  # QPY raises whatever its parts raise
            bad = {path: each for path, each in _unreadable(circuit) if path not in kept}
            reason = f"{type(error).__name__}: {str(error)[:200]}"
        else:
            restored = with_operations(
                read, {path: codec.build(parts) for path, parts in kept.items()}
            )
            bad = dict(_differing(said, circuit, restored))
            reason = "it does not come back as it was"
            if not bad:
                head = _compared_head(circuit, restored)
                return Proved(data, kept, (head, said))
        again = [path for path in bad if path in kept]
        if again or not bad:
            where = _described(again[0], bad[again[0]]) if again else "it"
            raise CodecError(_too_long(circuit) or f"{where} cannot be kept: {reason}. {_WAY_OUT}")
        kept |= _all_kept(bad, codec)
        places |= _placeholders(bad)
    raise CodecError(f"it does not come back as it was. {_WAY_OUT}")


_WAY_OUT = (
    "Decompose or transpile the circuit, so that it has gates of Qiskit's standard library in its "
    "place"
)


def _too_long(circuit: QuantumCircuit) -> str | None:
    """Say which name or label has more bytes than QPY can count."""
    names = [("its name", circuit.name)]
    names += (("the name of a register", each.name) for each in (*circuit.qregs, *circuit.cregs))
    names += (("the name of a parameter", each.name) for each in circuit.parameters)
    names += (
        (f"the label of instruction {index}", instruction.label or "")
        for index, instruction in enumerate(circuit.data)
    )
    for what, name in names:
        if (size := len(name.encode())) > LONGEST_NAME_BYTES:
            return f"{what} has {size:,} bytes, and at most {LONGEST_NAME_BYTES:,} can be stored"
    return None


def _all_kept(instructions: dict[Path, Any], codec: OperationCodec) -> dict[Path, Kept]:
    kept = {}
    for path, instruction in instructions.items():
        try:
            kept[path] = codec.keep(instruction.operation)
        except CodecError as error:
            where = _described(path, instruction)
            raise CodecError(f"{where} cannot be kept: {error}. {_WAY_OUT}") from error
    return kept


def _described(path: Path, instruction: Any) -> str:
    operation = instruction.operation
    kind = getattr(operation, "base_class", type(operation)).__name__
    inside = " (inside control flow)" if len(path) > 1 else ""
    return f"instruction {path[0]}{inside}, {operation.name!r}, a {kind},"


def _leaves(circuit: QuantumCircuit, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Give all instructions that are no standard gates, those of blocks after their path."""
    for index, instruction in enumerate(circuit.data):
        if instruction.is_standard_gate():
            continue
        blocks = getattr(instruction.operation, "blocks", ())
        for number, block in enumerate(blocks):
            yield from _leaves(block, (*path, index, number))
        if not blocks:
            yield (*path, index), instruction


def _is_known_to_change(operation: Any) -> bool:
    """Tell whether QPY drops the unit of a delay, or the parameters of an annotated operation."""
    if operation.name == "delay" and getattr(operation, "unit", "dt") not in ("dt", "expr"):
        return True
    if operation.name != "delay" and not hasattr(operation, "modifiers"):
        return False
    return any(getattr(each, "parameters", ()) for each in getattr(operation, "params", ()))


def _placeholders(instructions: dict[Path, Any]) -> dict[Path, Any]:
    """Return something harmless in the place of what is kept in notes."""
    return {path: _placeholder(each.operation) for path, each in instructions.items()}


def _placeholder(operation: Any) -> Any:
    from qiskit.circuit import Barrier, Instruction

    if not operation.num_clbits:
        return Barrier(operation.num_qubits)
    return Instruction("kept", operation.num_qubits, operation.num_clbits, [])


def _unreadable(circuit: QuantumCircuit) -> Iterator[tuple[Path, Any]]:
    """Give the instructions that QPY does not write, or does not read, even alone."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitError

    for path, instruction in _leaves(circuit):
        operation = instruction.operation
        if type(operation).__name__ in _CLASSES:  # not by name: a user may give any name
            continue
        alone = QuantumCircuit(operation.num_qubits, operation.num_clbits)
        try:
            alone.append(operation, alone.qubits, alone.clbits, copy=False)
        except CircuitError:  # it needs variables of its circuit, as no gate does
            continue
        try:
            load_qpy(dump_qpy(alone))
        except Exception:  # noqa: BLE001  # QPY raises whatever its parts raise
            yield path, instruction


def _differing(
    content: tuple[Any, ...], given: QuantumCircuit, read: QuantumCircuit
) -> Iterator[tuple[Path, Any]]:
    """Give the instructions that are not alike in two circuits, with their paths in the first."""
    scopes = Scope.of(given), Scope.of(read)
    for index, (one, other) in enumerate(zip(given.data, read.data, strict=True)):
        if not _is_same(content[index], _content_of_read(other, scopes[1])):
            inner = list(_differing_in_blocks(one, other, scopes, (index,)))
            yield from inner or [((index,), one)]


def _differing_in_blocks(
    one: Any, other: Any, scopes: tuple[Scope, Scope], path: Path
) -> Iterator[tuple[Path, Any]]:
    ours, theirs = (getattr(each.operation, "blocks", ()) for each in (one, other))
    if len(ours) != len(theirs):
        return
    for number, (given, read) in enumerate(zip(ours, theirs, strict=True)):
        inner = scopes[0].block(one, given), scopes[1].block(other, read)
        for index, pair in enumerate(zip(given.data, read.data, strict=True)):
            here = (*path, number, index)
            said = _content(pair[0], inner[0], here), _content_of_read(pair[1], inner[1])
            if not _is_same(*said):
                yield from list(_differing_in_blocks(*pair, inner, here)) or [(here, pair[0])]


def _is_same(one: Any, other: Any) -> bool:
    return one == other or repr(one) == repr(other)  # as no number equals itself if it is none


def _content(instruction: Any, scope: Scope, path: Path) -> tuple[Any, ...]:
    try:
        return instruction_content(instruction, scope)
    except UnknownContentError as error:
        for number, block in enumerate(getattr(instruction.operation, "blocks", ())):
            inner = scope.block(instruction, block)
            for index, each in enumerate(block.data):
                _content(each, inner, (*path, number, index))  # raises for the one that it is
        where = _described(path, instruction)
        raise CodecError(f"{where} cannot be kept: {error}. {_WAY_OUT}") from error


def _content_of_read(instruction: Any, scope: Scope) -> tuple[Any, ...] | None:
    try:
        return instruction_content(instruction, scope)
    except Exception:  # noqa: BLE001  # of definitions that QPY put together wrongly
        return None


def _compared_head(given: QuantumCircuit, read: QuantumCircuit) -> tuple[Any, ...]:
    """Return the head of a circuit, if that of what was read is the same."""
    one, other = head_content(given), head_content(read)
    for ours, theirs in ((one, other), (_names_and_layout(given), _names_and_layout(read))):
        for what, said in ours.items():
            if not _is_same(said, theirs[what]):
                raise CodecError(f"its {what} cannot be kept: Qiskit's own file format loses them")
    return tuple(one.items())


def _names_and_layout(circuit: QuantumCircuit) -> dict[str, Any]:
    layout = circuit.layout
    facts = None
    if layout is not None:
        facts = (layout.initial_index_layout(), layout.final_index_layout())
    names = [each.name for each in (*circuit.qregs, *circuit.cregs)]
    return {"names": [circuit.name, *names], "layout": facts}
