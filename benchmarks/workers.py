"""How many proteins a minute do one, two and four workers measure, and what would a thousand take on ESM-2 650M?

Shuffles of one protein are ablated part by part, as `start-codon` does it, once every worker has loaded the embedded
model: `python -m benchmarks.workers [--proteins 24] [--length 120]`. For 650M the parts of the middle layer of a model
of that shape are switched off one by one on one thread: what layers do on average. README.md beside it has a run's
numbers.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import distributed
import esm
import numpy as np
import torch
import typer

from core.alphabet import AMINO_ACIDS, tokenize
from core.answers.ablation import ablations
from core.components import ablate, components
from core.experiments.survey import StoredSurvey
from core.experiments.workers import Dask, Processes, Workers
from core.interventions import layer_of
from core.metrics import Target
from core.model import EMBEDDED, Model, load_model
from core.run import RESUMABLE, run, sweep

COUNTS = (1, 2, 4)
THOUSAND = 1000


@contextmanager
def on_dask(count: int) -> Iterator[Workers]:
    """A cluster of `count` workers on this machine."""
    cluster = distributed.LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0")
    with closing(cluster), Dask(cluster.scheduler_address) as workers:
        yield workers


def made_up(count: int, length: int, seed: int) -> dict[str, str]:
    letters = np.random.default_rng(seed).choice(list(AMINO_ACIDS), (count, length - 1))
    return {f"protein {number}": "M" + "".join(row) for number, row in enumerate(letters)}


def per_minute(workers: Workers, count: int, n_proteins: int, length: int) -> float:
    """Proteins a minute, once every worker has the model."""
    with tempfile.TemporaryDirectory() as folder:
        survey = StoredSurvey(load_model(EMBEDDED), EMBEDDED, Path(folder), workers)
        survey.table(ablations, made_up(2 * count, 30, seed=1), target=Target("M", 0))
        begin = time.monotonic()
        survey.table(ablations, made_up(n_proteins, length, seed=2), target=Target("M", 0))
        return 60 * n_proteins / (time.monotonic() - begin)


@torch.inference_mode()
def sweep_of_650m(length: int) -> float:
    """Seconds that the sweep over all components of one protein takes on one thread."""
    torch.set_num_threads(1)
    model = Model.from_fair_esm(esm.ESM2(num_layers=33, embed_dim=1280, attention_heads=20).eval())
    [sequence] = made_up(1, length, seed=3).values()
    baseline = run(model, tokenize(sequence, [0]), keep=RESUMABLE)
    edits = [ablate(component) for component in components(model.shape)]
    middle = [edit for edit in edits if layer_of(edit[0]) == model.shape.n_layers // 2]
    begin = time.monotonic()
    sweep(model, baseline, middle, lambda trace: trace.logits[:, 0], positions=[1])
    return (time.monotonic() - begin) * model.shape.n_layers


def main(proteins: int = 24, length: int = 120, length_650m: int = 300) -> None:
    print("| workers | processes, proteins a minute | efficiency | Dask, proteins a minute | efficiency |")
    print("| --- | --- | --- | --- | --- |")
    first: list[float] = []
    for count in COUNTS:
        rates = []
        for opened in (Processes(count), on_dask(count)):
            with opened as workers:
                rates.append(per_minute(workers, count, proteins, length))
        first = first or rates
        cells = (f"{rate:.1f} | {rate / count / alone:.0%}" for rate, alone in zip(rates, first, strict=True))
        print(f"| {count} | {' | '.join(cells)} |", flush=True)
    seconds = sweep_of_650m(length_650m)
    print(
        f"\n650M's shape, L = {length_650m}: {seconds / 60:.1f} min for a sweep of all components on one thread, "
        f"{THOUSAND * seconds / 3600:.0f} core hours for {THOUSAND} such proteins"
    )


if __name__ == "__main__":
    typer.run(main)
