"""Can one protein's activation speak in another? A head's z at the mask, carried from protein to protein."""

from collections.abc import Sequence

from jaxtyping import Int
from torch import Tensor

from core.analyses.reading import Reading, read
from core.interventions import Head, HeadSite, PatchActivation, Source
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress


def inject(
    model: Model,
    tokens: Int[Tensor, " pos"],
    heads: Sequence[Head],
    sources: Sequence[Int[Tensor, " _"]],
    *,
    site: HeadSite = "z",
    target: Target = Target(),
    progress: Progress = SILENT,
) -> Reading:
    """The target at the first mask of `tokens`: as it is, then with `heads`' activation from each source's mask.

    Entry 0 is the unedited run, entry i + 1 has the activations of `sources[i]`, which may have any length but, like
    `tokens`, one masked residue. Source: Jedryszek & Crook 2026, Methods, "Cross-sequence activation injection".
    """
    conditions = [
        tuple(PatchActivation(site, head.layer, Source(tuple(source.tolist())), head.index) for head in heads)
        for source in sources
    ]
    return read(model, tokens, [(), *conditions], target=target, progress=progress)
