"""Which amino acid does each head write?"""

import pandas as pd
import streamlit as st

from core.alphabet import AMINO_ACIDS
from core.answers.write_vectors import last_layer_writes
from core.components import heads_of_layers
from core.figures import circuits as figures
from dashboard.controls.heads import costliest_heads
from dashboard.controls.protein_sets import ask_of, choose_set
from dashboard.page_parts import beside_paper, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown
from dashboard.session import plain

TITLE, PATH = "Write vectors", "write-vectors"


def page(question: Question) -> None:
    shape, target = question.model.shape, question.letter
    introduce(
        "Which amino acid does each head write?",
        "Each head pushes the prediction towards some amino acids and away from others. "
        f"A head of the last layer adds a vector to the masked residue {question.residue + 1}. Does it point where "
        "some amino acid's logit rises?",
        "The upper figure shows the cosine between each head's write and the gradient of each amino acid's logit with "
        f"respect to the final residual stream; the lower one what {target}'s logit loses without the head.",
        "A red cell: the head writes towards that amino acid. A direction says nothing of size, so read both together.",
    )
    proteins = choose_set(question)
    n_forwards = 2 + shape.n_heads / shape.n_layers
    settings = {"label": "Reading the writes", "target": question.target}
    parts = (Expression("found.vectors"), Expression("found.layer"))
    settings["shown"] = Shown("found.mean", Call(figures.write_vectors, parts))
    found = ask_of(question, proteins, last_layer_writes, n_forwards=n_forwards, **settings)
    if found is None:
        return
    heads = [str(head) for head in heads_of_layers(shape, [found.layer])]
    means = plain(question.protein.name) if proteins.is_one else f"mean over {proteins.count}"
    with st.container(border=True):
        st.markdown("**Where does each head's write point?**")
        table = pd.DataFrame(found.vectors.cosine, columns=list(AMINO_ACIDS))
        table.insert(0, "head", heads)
        draw(
            figures.write_vectors(found.vectors, found.layer),
            f"Cosine of each last-layer head's OV write at the mask with each amino acid's logit gradient, {means}.",
            "cosine",
            table.assign(length=found.vectors.length),
        )
    with st.container(border=True):
        st.markdown(f"**What does {target}'s logit lose without the head?**")
        draw(
            figures.ablation_drops(found.drop, found.layer, target),
            f"Each head switched off at the mask alone, exactly and without gradients; {means}. Closest to {target} "
            f"writes {found.closest}, with a cosine of {found.cosine(found.closest)}; without it the logit loses "
            f"{found.cost(found.closest)} (the head {found.split}).",
            "drops",
            found.drops.assign(head=heads),
        )
    main = costliest_heads(question)[0]
    beside_paper(question, found.beside_paper(main))
