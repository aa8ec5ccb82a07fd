"""How much faster is the Categorical Jacobian than the authors' way, and how little memory do all head maps need?

Both on an 8M-shaped model with random weights: `python -m benchmarks.contacts [--threads 2] [--device cuda]`. The
authors' way is the twenty mutants of one residue as a batch through fair-esm, timed in turns with ours in this process;
the maps must agree before a ratio is printed. Head maps are read in a process of their own, whose peak memory is the
operating system's.
"""

import multiprocessing
import re
import statistics
import time
from pathlib import Path
from typing import Annotated

import esm
import numpy as np
import torch
import typer

from core.alphabet import tokenize
from core.analyses.categorical_jacobian import categorical_jacobian
from core.contacts import head_maps
from core.model import Model

N_LAYERS, N_HEADS, D_MODEL = 6, 20, 320
DEEP = 33
"""Layers of ESM-2 650M: head maps must not need more memory than with six."""
MIB = 2**20


def random_sequence(length: int) -> str:
    return "".join(np.random.default_rng(1).choice(list("LAGVSERTIDPKQNFYMHWC"), length))


def random_fair_esm(n_layers: int = N_LAYERS) -> esm.ESM2:
    torch.manual_seed(0)
    return esm.ESM2(num_layers=n_layers, embed_dim=D_MODEL, attention_heads=N_HEADS).eval()


@torch.no_grad()
def authors_way(module: esm.ESM2, tokens: torch.Tensor) -> np.ndarray:
    """The peer: every residue set to all twenty amino acids in one batch, then the same formula in numpy."""

    def logits(rows: torch.Tensor) -> np.ndarray:
        return module(rows.to(module.embed_tokens.weight.device))["logits"][:, 1:-1, 4:24].cpu().numpy()

    clean = logits(tokens[None])[0]
    length = len(clean)
    responses = np.zeros((length, 20, length, 20), dtype=np.float32)
    for residue in range(length):
        rows = tokens.repeat(20, 1)
        rows[:, residue + 1] = torch.arange(4, 24)
        responses[residue] = logits(rows) - clean
    for axis in range(4):
        responses -= responses.mean(axis, keepdims=True)
    responses = (responses + responses.transpose(2, 3, 0, 1)) / 2
    norms = np.sqrt(np.square(responses).sum((1, 3)))
    np.fill_diagonal(norms, 0)
    return norms - norms.sum(0, keepdims=True) * norms.sum(1, keepdims=True) / norms.sum()


def compare_jacobians(length: int, repeats: int, device: str) -> None:
    """Times both in turns and prints the ratio."""
    module = random_fair_esm().to(device)
    model, tokens = Model.from_fair_esm(module), tokenize(random_sequence(length))
    seconds: dict[str, list[float]] = {"authors' way": [], "plmscope": []}
    for _ in range(repeats):
        begin = time.perf_counter()
        expected = authors_way(module, tokens)
        seconds["authors' way"].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        found = categorical_jacobian(model, tokens)
        seconds["plmscope"].append(time.perf_counter() - begin)
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
    for name, times in seconds.items():
        print(f"{name:14} {statistics.median(times):7.2f} s  (median of {repeats}; best {min(times):.2f})")
    ratios = [slow / fast for slow, fast in zip(*seconds.values(), strict=True)]
    print(
        f"ratio          {statistics.median(ratios):7.2f} x (from {min(ratios):.2f} to {max(ratios):.2f}), "
        f"L = {length}, on {device}"
    )


def peak_of_head_maps(n_layers: int, length: int, threads: int, sender) -> None:
    """Reads every head's map of one protein; sends how far the peak memory rose, and the seconds it took."""
    torch.set_num_threads(threads)
    model = Model.from_fair_esm(random_fair_esm(n_layers))
    tokens = tokenize(random_sequence(length))
    list(head_maps(model, tokens[:40]))  # what the libraries set aside at first use is not the maps' doing
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts anew from what is held now
    before = peak_memory()
    begin = time.perf_counter()
    n_maps = 0
    for _, maps in head_maps(model, tokens):
        n_maps += len(maps)
        del maps
    took = time.perf_counter() - begin
    assert n_maps == n_layers * N_HEADS
    sender.send((peak_memory() - before, took))


def peak_memory() -> int:
    """The most bytes that this process held at once, as Linux counts them."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def measure_head_maps(n_layers: int, length: int, threads: int) -> None:
    """Prints the peak memory of reading all maps beside what all patterns and maps would take."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=peak_of_head_maps, args=(n_layers, length, threads, sender))
    process.start()
    peak, took = receiver.recv()
    process.join()
    n_heads = n_layers * N_HEADS
    patterns = n_heads * (length + 2) ** 2 * 4
    print(
        f"head maps      {took:7.2f} s for all {n_heads} heads of {n_layers} layers, L = {length}: peak memory rose by "
        f"{peak / MIB:.0f} MiB; all patterns take {patterns / MIB:.0f} MiB, all maps as much again"
    )


def main(
    length: Annotated[int, typer.Option(min=2, help="Residues of the Jacobian's protein.")] = 120,
    maps_length: Annotated[int, typer.Option(min=40, help="Residues of the protein whose head maps are read.")] = 500,
    repeats: Annotated[int, typer.Option(min=1)] = 3,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    device: Annotated[str, typer.Option(help="Where both Jacobians run: cpu, or cuda for a GPU.")] = "cpu",
) -> None:
    torch.set_num_threads(threads)
    compare_jacobians(length, repeats, device)
    for n_layers in (N_LAYERS, DEEP):
        measure_head_maps(n_layers, maps_length, threads)


if __name__ == "__main__":
    typer.run(main)
