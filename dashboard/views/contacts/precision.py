"""How many of the highest-ranked pairs are contacts?"""

import numpy as np
import streamlit as st

from core.analyses.contact_evaluation import precisions
from core.proteins.contact_scores import SEPARATIONS_SAID
from core.proteins.labelled import LabelledProtein
from core.proteins.protein import Protein
from core.proteins.structure import ContactRule
from dashboard.page_parts import download
from dashboard.session import plain


def precision_table(protein: Protein, maps: dict[str, np.ndarray], rule: ContactRule) -> None:
    """P@L/k of some maps against the structure, chance below them, and what was counted how."""
    structure = protein.structure
    if structure is None:
        st.info("No structure is known for this protein, so there is nothing to count against.")
        return
    labelled = LabelledProtein.of(structure, *rule)
    found = precisions(labelled, maps)
    at = found["separation"] + [" P@L" if per == 1 else f" P@L/{per}" for per in found["per"]]
    found.insert(0, "Highest pairs", at)
    wide = found.pivot_table(index="Highest pairs", columns="method", values="precision", sort=False)
    wide["Chance"] = found.drop_duplicates("Highest pairs").set_index("Highest pairs")["chance"]
    moved = found.query("separation == 'long' and per == 2").set_index("method")["moved"]
    own = ", ".join(f"{name} {value:.2f}" for name, value in moved.items())
    st.markdown("**How many of the highest-ranked pairs are contacts?**")
    st.dataframe(wide.style.format("{:.2f}"), height="content")
    chain = plain(f"{structure.name} chain {structure.chain}")
    st.caption(
        f"L = {len(protein.sequence)} residues; {structure.n_matched} of them match {chain}, which resolves "
        f"{structure.n_resolved}; pairs that it doesn't resolve are left out. {SEPARATIONS_SAID} Contact: "
        f"{labelled.definition}. Chance: blind picking. Long P@L/2 of the same maps with the contacts moved along the "
        f"chain, separations and clusters as they are: {own}. One protein is no finding: the contacts "
        "experiment takes many. Heads and contact head may have been chosen on relatives of this protein: see the "
        "model's card."
    )
    download(found.drop(columns="Highest pairs"), "contacts")
