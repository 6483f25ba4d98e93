"""Pictures of metrics for notebooks and reports, in the lab's colours. Plotly is imported when one
is drawn."""
