"""`python -m core.training`: train the embedded model, or go on training it."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError
from core.training.families import load_collection
from core.training.trainer import Settings, train
from core.training.workers import join_workers, leave_workers

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder with train, valid and families.fasta.gz.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that holds a checkpoint is gone on with.")],
    minutes: Annotated[float | None, typer.Option(help="Length of the schedule, in minutes of training.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length of the schedule, in batches.")] = None,
    # Also `--from`: torchrun takes a script's `--start` for an abbreviation of an option of its own.
    start: Annotated[
        Path | None, typer.Option("--start", "--from", help="Weights to begin with; from scratch without.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split, the first weights, the batches and the masks.")] = 0,
    layers: int = Settings.n_layers,
    heads: int = Settings.n_heads,
    tokens: Annotated[int, typer.Option(help="Of one micro-batch; a step takes three.")] = (
        Settings.tokens_per_micro_batch
    ),
    compiled: Annotated[
        bool | None, typer.Option("--compiled/--plain", help="Compile the layers; by default on a GPU alone.")
    ] = None,
    evaluate_every: Annotated[int, typer.Option(help="Steps between held-out perplexities.")] = Settings.evaluate_every,
    checkpoint_every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = Settings.checkpoint_every,
) -> None:
    """Train a small ESM-2 on proteins at large and deep families, on a GPU when there is one."""
    try:
        if minutes is None and steps is None:
            raise InputError("say how long to train: --minutes or --steps")
        collection = load_collection(data, seed)
        settings = Settings(
            n_layers=layers,
            n_heads=heads,
            seed=seed,
            minutes=minutes,
            steps=steps,
            tokens_per_micro_batch=tokens,
            compiled=compiled,
            evaluate_every=evaluate_every,
            checkpoint_every=checkpoint_every,
        )
        workers = join_workers()
        train(collection, out, settings, start, workers, say=lambda line: print(line, flush=True))
        leave_workers(workers)
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
