"""`python -m core.training.features`: train dictionaries of a model's layers, or go on training them."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError
from core.model import load_model
from core.training.families import load_collection
from core.training.features.control import shuffled_model
from core.training.features.trainer import Settings, train_dictionaries

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder with train, valid and families.fasta.gz.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that holds a checkpoint is gone on with.")],
    layer: Annotated[list[int], typer.Option(help="Layer whose output is read, from 1; may be given several times.")],
    model: Annotated[str, typer.Option(help="A model's name, or a path to its weights.")] = "embedded",
    features: Annotated[int, typer.Option(help="Features of each dictionary.")] = Settings.n_features,
    k: Annotated[int, typer.Option(help="Features active at a position.")] = Settings.k,
    steps: Annotated[int, typer.Option(help="Length of the schedule, in batches.")] = Settings.steps,
    seed: Annotated[int, typer.Option(help="Of the split, the first directions, the batches and the masks.")] = 0,
    control: Annotated[bool, typer.Option(help="Train on the model with its weights shuffled instead.")] = False,
) -> None:
    """Train TopK sparse autoencoders on the residual stream after one or more layers."""
    try:
        read = shuffled_model(model, seed) if control else load_model(model)
        outside = [each for each in layer if not 1 <= each <= read.shape.n_layers]
        if outside:
            raise InputError(f"layer {outside[0]} does not exist: {read.name} has layers 1 to {read.shape.n_layers}")
        settings = Settings(tuple(each - 1 for each in layer), features, k, steps, seed=seed)
        notes = {"model": read.name, "seed": seed}
        train_dictionaries(
            read, load_collection(data, seed), out, settings, notes, lambda line: print(line, flush=True)
        )
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
