"""The adapter to V2 primitives, and the primitives that open by name."""
