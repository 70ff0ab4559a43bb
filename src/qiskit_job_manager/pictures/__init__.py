"""Pictures of job sets, drawn by matplotlib: an extra, imported where something is drawn."""
