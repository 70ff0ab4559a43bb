"""The body of a control request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from qiskit_job_manager.testing.emulator import fields
from qiskit_job_manager.testing.ibm_service.faults import Behaviour, Fate, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRequest:
    """What one control request asks for.

    Attributes:
        behaviour: How to behave; ``None``: as before.
        rules: Further rules.
        fates: The fates of the next jobs.
        clear: Whether to forget earlier rules and fates.
        revoke: Whether to refuse all tokens that were given until now.
    """

    behaviour: Behaviour | None = None
    rules: tuple[Rule, ...] = ()
    fates: tuple[Fate, ...] = ()
    clear: bool = False
    revoke: bool = False

    def __post_init__(self) -> None:
        """Check every field."""
        fields.flag("clear", self.clear)
        fields.flag("revoke", self.revoke)

    @classmethod
    def of_json(cls, said: object) -> Self:
        """Read the body of a request.

        Raises:
            InvalidArgumentError: It is not of this form.
        """
        found = fields.known(cls, said)
        if "behaviour" in found:
            found["behaviour"] = Behaviour.of_json(found["behaviour"])
        rules, fates = (_several(name, found) for name in ("rules", "fates"))
        found["rules"] = tuple(Rule.of_json(each) for each in rules)
        found["fates"] = tuple(fields.word("a fate", each, Fate) for each in fates)
        return cls(**found)


def _several(name: str, found: dict[str, Any]) -> list[Any]:
    value = found.get(name, [])
    fields.several(name, value)
    return list(value)
