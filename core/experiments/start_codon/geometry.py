"""Sections on the geometry of a head's query: shifted positions, and its score of BOS band by band."""

import numpy as np

from core.analyses.rope_shift import SHIFTS
from core.answers.norm_direction import band_attribution, bands_along
from core.answers.nulls import HOW_NULLS_ARE_MADE
from core.answers.rope_shift import rope_shift as shifted
from core.experiments.report import Comparison, Section
from core.experiments.start_codon.study import M_FIRST, Study, said_of
from core.figures import rope as figures
from core.figures.style import CLEAN, EDITED, bars
from core.paper_values import BAND_DIFFERENCES
from core.tables import deviations, means


def rope_shift(study: Study) -> Section:
    """Queries turned by a shift; the control; the period."""
    head = study.main_head
    found = shifted(study.survey, study.judging, M_FIRST, compared=study.compared, head=head)
    curves, table, lengths = found.curves, found.table, found.wavelengths
    share, by = found.band_share, ["mask", "side", "shift"]
    return Section(
        title="How far may positions slip?",
        question=f"If {head}'s queries are rotated as if they stood some residues away, does M come and go?",
        reading=(
            f"{head}'s query positions move by −20 to 20 residues while keys stay, with residue 1 and with "
            f"{study.inside} masked; bands are one standard deviation over sequences. The dotted control moves queries "
            "and keys together, in float64, and can change nothing. The mean curve is called an oscillation only where "
            f"a sinusoid explains more of it than one bump does, and more than of noise. {HOW_NULLS_ARE_MADE} The bars "
            "show how much of the score's variation with the shift each RoPE band makes."
        ),
        finding=said_of(
            study.judging,
            f"M-gap at the first residue: {found.in_words} {found.widest} Queries and keys moved together "
            f"change no logit by more than {found.largest_control:.1e}, the most in {found.n_control}.",
        ),
        figures={
            "M-gap against the shift; bands are one standard deviation over sequences.": figures.shift(
                SHIFTS, curves["first"], curves["inside"], curves["control"], "M"
            ),
            "Cosine between the query as it is and as it is shifted.": figures.shifted_cosine(
                SHIFTS, found.cosines.cosine.to_numpy()
            ),
            "Share of the score's variation with the shift, by RoPE band.": figures.band_shares(lengths, share),
        },
        tables={
            "rope-shift": means(table, by, ["gap", "logit", "largest_change"]).merge(
                deviations(table, by, ["gap", "logit"])
            ),
            "rope-shift-cosine": found.cosines,
            "rope-shift-period": found.shapes_table,
            "rope-shift-bands": found.bands,
        },
        comparisons=Comparison.all(found.beside_paper()),
    )


def norm_direction(study: Study) -> Section:
    """The score difference by band, into norm and direction."""
    head = study.main_head
    answer = band_attribution(study.survey, study.compared, head=head)
    along = bands_along(study.survey, study.judging, head=head)
    bands, lengths = answer.bands, answer.wavelengths
    share = {"here": 100 * bands.weight.to_numpy()}
    if answer.bands_are_the_papers:
        share["paper, ESM-2 8M"] = np.array([weight for _, weight, _ in BAND_DIFFERENCES[: len(bands)]])
    labels = figures.band_labels(lengths)
    return Section(
        title="Is the query shorter inside, or turned away?",
        question=f"Of the difference in {head}'s score of BOS between residue 1 and inside, how much is the norm's?",
        reading=(
            "The score before softmax is a sum over RoPE bands of |q||k|cos θ/√d. Its difference between the mask at "
            f"residue 1 and at {study.inside} is split in each band into what the query's length explains "
            "and what its direction explains, once from each end (A: the internal query's direction, B: the clean "
            "one's), and averaged; the key is the mean of both runs'. Hatched bands are flagged: they differ too "
            "little, or not with one sign, to be divided by."
        ),
        finding=said_of(
            study.judging,
            f"Over {answer.n} masks the norm's share of the difference is {answer.shares}; the rest is the "
            f"direction's; {answer.by_direction}; {answer.widest}. Parts add up to the "
            f"difference within {answer.residual:.0e} in every band of every mask.",
        ),
        figures={
            f"Query and key of BOS band by band, in both runs, means of {answer.n} masks; |q| before any scaling.": (
                figures.two_positions(bands, lengths)
            ),
            f"The same with the mask at more places, means of up to {along.n.max()} sequences (those that long).": (
                figures.bands_along(along, lengths)
            ),
            "What the query's length and its direction add to each band's difference.": figures.norm_and_direction(
                bands, lengths
            ),
            "Each band's share of the score difference.": bars(
                labels,
                share,
                colours={"here": EDITED, "paper, ESM-2 8M": CLEAN},
                x_title="Wavelength (residues)",
                y_title="Share (%)",
            ).update_xaxes(type="category"),
        },
        tables={"bands": bands, "bands-along": along},
        comparisons=Comparison.all(answer.beside_paper()),
    )
