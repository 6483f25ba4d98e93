"""The library behind Add & Norm Lab: models, training, probes and the run directory.

It knows no Streamlit and no Plotly and runs headless.
"""
