"""Where a model keeps contacts."""
