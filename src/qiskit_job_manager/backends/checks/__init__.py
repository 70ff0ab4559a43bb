"""Checks whether an experiment can run on a backend, before anything is stored or sent."""
