"""Sections on how the model knows that a residue is the first: RoPE removed and swapped, and heads drawn to BOS."""

from core.answers import rotations
from core.answers.rotations import FIRST_KEY_HEADS
from core.answers.subjects import INTERNAL_MASKS
from core.answers.words import counted
from core.experiments.report import Comparison, Section
from core.experiments.start_codon.study import M_FIRST, Study, said_of
from core.figures import rope as figures


def rope_removal(study: Study) -> Section:
    """No rotation at the mask, layer by layer."""
    found = rotations.rope_removal(study.survey, study.predicting, M_FIRST)
    mean = found.mean
    return Section(
        title="Is RoPE needed at the first residue?",
        question="Does M survive when the masked first residue's q and k aren't rotated?",
        reading=(
            "The rotation of the mask's query and key is left out in one layer at a time, then in all of them. No "
            "rotation is that of BOS's own position, one residue off: removing it is gentler than a wrong rotation."
        ),
        finding=said_of(study.predicting, found.in_words),
        figures={
            "Mean M-gap without rotation of the mask's q and k.": figures.removal(
                mean.layers.tolist(), mean.gap.to_numpy(), "M"
            )
        },
        tables={"rope-removal": mean},
        comparisons=Comparison.all(found.beside_paper()),
    )


def rope_swap(study: Study) -> Section:
    """The rotations of the first residue, given to an internal mask."""
    path, main = study.swap_path, study.main_head
    key, steps = path.heads, path.steps
    sets = rotations.patch_sets(study.survey, study.rated, M_FIRST, main=main, key_heads=key)
    rescue = sets.rescue
    rotation, query = "readout's rotation", "readout's full q"
    return Section(
        title="Can rotations alone move the start?",
        question="Which heads must turn as at residue 1 for M to rank first at an internal mask?",
        reading=(
            f"Residue {study.residues[0] + 1} is masked, and the mask's query is rotated as at residue 1 in the main "
            "head (the readout) and in ever more heads: each step adds the head that raises the mean M-gap most, "
            f"until all of the gap is back or no head helps. Heads are {path.split}, these at {INTERNAL_MASKS} "
            f"internal masks each ({steps.n.iloc[0]} in all). Rescue runs from the internal run (0%) to the run with "
            f"residue 1 masked (100%), from mean gaps. The sets below take the first {FIRST_KEY_HEADS} of these heads "
            "as key heads."
        ),
        finding=said_of(
            study.judging,
            f"{counted(len(key), 'head')} chosen beside {main}: {', '.join(map(str, key)) or 'none'}. With all of "
            f"them M ranks first inside at {path.last}, and {path.rescued} of the gap is back. Of {main} alone "
            f"the rotation brings back {rescue[rotation]}, the whole query {rescue[query]}.",
        ),
        figures={
            "M-rate and rescue as one head after another is rotated as at residue 1.": figures.swap_steps(
                steps.name.tolist(), steps.m_first.to_numpy(), steps.rescue.to_numpy()
            ),
            "Rescue by queries, and by rotations of sets of heads.": figures.patch_sets(
                [name.replace("readout", str(main)) for name in sets.mean.condition], sets.mean.rescue.to_numpy()
            ),
        },
        tables={"rope-swap": steps, "patch-sets": sets.mean},
        comparisons=(
            *(
                Comparison(
                    f"step {step}: head, M-rate, rescue", f"{head}, {rate}%, {part}%", "Extended Data Table 2", ours
                )
                for step, (head, rate, part), ours in path.beside_paper()
            ),
            *Comparison.all(sets.beside_paper()),
        ),
    )


def attention_causes(study: Study) -> Section:
    """Rotation or content: why heads look at BOS from the first residue."""
    found = rotations.attention_causes(study.survey, study.compared, main=study.main_head, key_heads=study.key_heads)
    shown = found.shown
    return Section(
        title="Do heads look at BOS because of the rotation or the content?",
        question="Of a head's extra attention to BOS at the first residue, how much does the rotation alone explain?",
        reading=(
            "Attention to BOS from the mask at residue 1, from the mask inside, and with one cause at a time: the "
            "internal query rotated as at residue 1 (rotation), or the query content of residue 1 rotated as inside "
            "(content), against the internal run's keys. The two shares need not sum to 100%: causes can need each "
            "other. Heads are counted where all of the interval is above zero: shares of a head whose attention hardly "
            "differs mean nothing."
        ),
        finding=said_of(study.judging, found.in_words),
        figures={
            "Attention from the mask to BOS, of the main head and the key heads.": figures.causes(
                shown.index.tolist(),
                *(shown[cause].to_numpy() for cause in ("clean", "internal", "rotation", "content")),
            )
        },
        tables={"attention-causes": found.mean},
        comparisons=Comparison.all(found.beside_paper()),
    )
