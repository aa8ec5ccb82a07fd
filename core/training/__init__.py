"""How the embedded model is trained, fitted with a contact head and measured: `python -m core.training --help`."""
