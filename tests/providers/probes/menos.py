# /// script
# dependencies = ["menos"]
# ///
"""MENOS."""

from menos.qiskit import MENOSBackend

PACKAGES = ("menos",)


def backend():
    return MENOSBackend()


def trouble(provider):
    from checks import goes_on

    return provider.prepared([goes_on()]), {}
