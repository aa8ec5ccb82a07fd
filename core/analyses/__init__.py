"""One question a file: what a model does, measured with `core.run`."""
