"""The lab for programs: what commands answer as JSON, `core.train` and `core.compare`, tools for
agents. Importing it imports neither torch nor Plotly."""
