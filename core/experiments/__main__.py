"""`python -m core.experiments NAME`: one subcommand per experiment."""

import sys

import typer

from core.errors import InputError
from core.experiments.contacts.command import contacts
from core.experiments.evidence.command import evidence
from core.experiments.features.command import features
from core.experiments.start_codon.command import start_codon

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("start-codon")(start_codon)
app.command("contacts")(contacts)
app.command("evidence")(evidence)
app.command("features")(features)


@app.callback()
def experiments() -> None:
    """Run a paper's experiments over a set of proteins: tables, results.json and one HTML report."""


def main() -> None:
    try:
        app()
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
