"""Strip, contact map and structure of the Contacts pages."""

from collections.abc import Sequence

from core.proteins.contact_scores import NEAR
from core.proteins.structure import ContactRule, contact_truth
from dashboard.controls.picked import keep_pick
from dashboard.page_parts import download
from dashboard.question import Question
from dashboard.widgets.linked_view import Heat, LinkedViewData, Pick, linked_view


def show_pairs(
    question: Question,
    above: Heat,
    pairs: Sequence[tuple[int, int]],
    rule: ContactRule,
    *,
    picked: tuple[int, ...],
    key: str,
    map_title: str,
    map_caption: str,
    structure_title: str,
    without_structure: Heat | None = None,
) -> None:
    """Strip, map and 3D structure of the question's protein, `pairs` marked in them as right, near miss or wrong.

    True contacts are below the diagonal, or where no structure is known `without_structure`.
    """
    protein, structure, below = question.protein, question.protein.structure, without_structure
    if structure is not None:
        below = Heat(contact_truth(structure, *rule)[0], f"true contact: {structure.contact_definition(rule)}", "truth")
    data = LinkedViewData.of(
        protein,
        above,
        below,
        pairs,
        rule,
        maskable=False,
        map_title=map_title,
        map_caption=f"{map_caption} Contacts are read with nothing masked.",
        structure_title=structure_title,
        structure_caption=f"A near miss is closer than {NEAR:g} Å, or within two residues of a contact on both sides.",
    )
    linked_view(data, key=key, pick=Pick(picked), on_change=lambda pick: keep_pick(pick, question.numbering))
    download(lambda: data.pairs, "map")
