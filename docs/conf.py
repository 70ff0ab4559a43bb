"""Builds the documentation site: ``make docs``."""

from __future__ import annotations

import tomllib
from importlib.metadata import version as installed_version
from pathlib import Path

project = "qiskit-job-manager"
author = "The qiskit-job-manager authors"
copyright = "2026, the qiskit-job-manager authors"  # noqa: A001  # Sphinx reads this name
release = installed_version("qiskit-job-manager")
version = release

extensions = [
    "myst_nb",
    "qiskit_sphinx_theme",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.mermaid",
]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
# The tutorial is kept with its outputs, and a test executes it.
nb_execution_mode = "off"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# Type checkers alone import these; they have one meaning each for the reader.
autodoc_type_aliases = {
    "ExperimentsLike": "ExperimentsLike",
    "ExperimentLike": "ExperimentLike",
    "ExperimentKey": "ExperimentKey",
    "By": "By",
}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# Docstrings name code in single backquotes, as Qiskit's do.
default_role = "code"

html_theme = "qiskit-ecosystem"
html_title = f"qiskit-job-manager {release}"
html_static_path = ["_static"]
# Empties the theme's link to fonts on another host: the pages load nothing from the network.
templates_path = ["_templates"]
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
exclude_patterns = ["_build"]
linkcheck_ignore = [r"https?://"]  # pages of others come and go; ours are checked by the build
suppress_warnings = ["mystnb.unknown_mime_type"]

_TWINS = tomllib.loads(Path(__file__).with_name("command_twins.toml").read_text(encoding="utf-8"))


def _add_command(app, what, name, obj, options, lines):  # noqa: ARG001  # as Sphinx calls it
    """Print the command that does the same below a method."""
    command = _TWINS["commands"].get(".".join(name.split(".")[-2:]))
    if command is not None and what in {"method", "property"}:
        lines += ["", f"On the command line: ``{command}``.", ""]


def setup(app):
    """Register what the reference needs."""
    app.connect("autodoc-process-docstring", _add_command)
