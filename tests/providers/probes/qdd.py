# /// script
# dependencies = ["qdd"]
# ///
"""QDD, decision diagrams."""

from qdd import QddProvider

PACKAGES = ("qdd",)


def backend():
    return QddProvider().get_backend()
