"""Which amino acid does each head write?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.reading import read
from core.analyses.write_vectors import WriteVectors, write_vectors
from core.components import ablate, heads_of_layers
from core.figures import circuits as figures
from core.paper_values import WRITE_VECTORS
from dashboard.controls.protein_sets import choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question
from dashboard.session import plain

TITLE, PATH = "Write vectors", "write-vectors"


def page(question: Question) -> None:
    model, target, layer = question.model, question.target, question.model.shape.n_layers - 1
    introduce(
        "Which amino acid does each head write?",
        f"A head of the last layer adds a vector to the masked residue {question.residue + 1}. Does it point where "
        "some amino acid's logit rises?",
        "The upper figure shows the cosine between each head's write and the gradient of each amino acid's logit with "
        f"respect to the final residual stream; the lower one what {target}'s logit loses without the head.",
        "A red cell: the head writes towards that amino acid. A direction says nothing of size, so read both together.",
    )
    proteins = choose_set(question)

    def work(sequence: str, _: Progress) -> tuple[WriteVectors, np.ndarray]:
        tokens = tokenize(sequence, [question.residue])
        conditions = [(), *(ablate(head, "mask") for head in heads_of_layers(model.shape, [layer]))]
        logits = read(model, tokens, conditions, target=target).logit
        return write_vectors(model, tokens), logits[0] - logits[1:]

    n_forwards = 2 + model.shape.n_heads / model.shape.n_layers
    found = measured(question, proteins, "write vectors", work, n_forwards=n_forwards, label="Reading the writes")
    if found is None:
        return
    writes = WriteVectors(*(np.mean([getattr(w, part) for w, _ in found.all], axis=0) for part in ("cosine", "length")))
    drops = np.mean([each for _, each in found.all], axis=0)
    means = f"mean over {len(found.results)} sequences" if len(found.results) > 1 else plain(question.protein.name)
    with st.container(border=True):
        st.markdown("**Where does each head's write point?**")
        draw(
            figures.write_vectors(writes, layer),
            f"Cosine of each last-layer head's OV write at the mask with each amino acid's logit gradient, {means}.",
            "cosine",
        )
        heads = [str(head) for head in heads_of_layers(model.shape, [layer])]
        table = pd.DataFrame(writes.cosine, columns=list(AMINO_ACIDS))
        table.insert(0, "head", heads)
        download(table.assign(length=writes.length), "write-vectors")
    with st.container(border=True):
        st.markdown(f"**What does {target}'s logit lose without the head?**")
        draw(
            figures.ablation_drops(drops, layer, target),
            f"Each head switched off at the mask alone, exactly and without gradients; {means}.",
            "drops",
        )
        download(pd.DataFrame({"head": heads, "drop": drops}), "write-vectors-drops")
    head, letter = np.unravel_index(int(writes.cosine.argmax()), writes.cosine.shape)
    best = int(writes.cosine[:, AMINO_ACIDS.index(target)].argmax())
    ours = [
        f"L{layer + 1}H{head + 1}, {AMINO_ACIDS[letter]}",
        f"{writes.cosine.max():.2f}; the largest with {target} is L{layer + 1}H{best + 1}'s "
        f"{writes.cosine[best, AMINO_ACIDS.index(target)]:.2f}",
    ]
    beside_paper(model, list(zip(WRITE_VECTORS, ours, strict=True)))
