"""Runs quantum circuits in bulk: splits them into jobs, survives crashes, keeps every result."""
