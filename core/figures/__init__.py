"""Figures: pure functions from results to plotly figures. Nothing here calls the engine."""
