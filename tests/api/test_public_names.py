"""The public interface is a list that this holds."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import qiskit_job_manager
from qiskit_job_manager import errors, ibmq


def in_new_process(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_public_name_is_there():
    for name in qiskit_job_manager.__all__:
        assert getattr(qiskit_job_manager, name).__name__ == name


def test_every_error_is_public_and_under_one_base():
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert defined <= set(qiskit_job_manager.__all__)
    assert all(issubclass(getattr(errors, name), errors.JobManagerError) for name in defined)
    assert all(name in errors.__doc__ for name in defined)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        qiskit_job_manager.Nothing  # noqa: B018


@pytest.mark.parametrize("name", ibmq.__all__)
def test_the_old_names_are_the_same_classes(name):
    new = name.removeprefix("IBMQ")
    same = getattr(qiskit_job_manager, new)
    assert getattr(ibmq, name) is same or (
        new == "JobManager" and issubclass(ibmq.IBMQJobManager, same)
    )


def test_importing_the_package_imports_no_qiskit():
    assert in_new_process("import sys, qiskit_job_manager; print('qiskit' in sys.modules)") == (
        "False"
    )


def test_importing_the_manager_from_the_command_line_imports_no_qiskit():
    code = (
        "import sys, qiskit_job_manager.cli, qiskit_job_manager.manager;"
        "print('qiskit' in sys.modules)"
    )
    assert in_new_process(code) == "False"


def test_errors_are_qiskit_errors_whatever_is_imported_first():
    code = (
        "from qiskit_job_manager import JobManagerError\n"
        "from qiskit.exceptions import QiskitError\n"
        "print(issubclass(JobManagerError, QiskitError))"
    )
    assert in_new_process(code) == "True"


def test_type_checkers_see_the_same_names_as_users():
    tree = ast.parse(Path(qiskit_job_manager.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert seen == set(qiskit_job_manager.__all__)
