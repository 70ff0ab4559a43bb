"""Simulators that run on this machine."""
