"""`python -m core.training.average`: the mean of two runs' weights, for runs that began with the same ones."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError
from core.training.weights import average

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    run: Annotated[Path, typer.Option(help="Folder of a training run.")],
    other: Annotated[Path, typer.Option(help="Folder of the other one.")],
    share: Annotated[float, typer.Option(help="Weight of the other one, between 0 and 1.")],
    out: Annotated[Path, typer.Option(help="Folder for the mean.")],
) -> None:
    """Average two runs' weights, where each has learned something that the other forgot."""
    try:
        average({run: 1 - share, other: share}, out)
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
