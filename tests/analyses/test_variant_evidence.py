"""A ratio's shares add up to it, of one substitution or several; its verdict is never stronger than its interval."""

import numpy as np
import pytest

from core.alphabet import AMINO_ACIDS
from core.analyses.evidence import PARTS, Contrast, Support, measure_support
from core.analyses.substitutions import substitutions
from core.analyses.variant_evidence import RatioShares, ratio_shares, verdicts, without_evidence
from core.errors import InputError
from core.model import Model
from core.proteins.numbering import Numbering
from core.proteins.variants import Variant, parse_variant
from tests.lively import SEQUENCE

NUMBERING = Numbering(SEQUENCE)


@pytest.fixture(scope="module")
def support(lively: Model) -> Support:
    return measure_support(lively, SEQUENCE, [1, 4], repeats=(0, 1, 2))


@pytest.mark.parametrize("name", ["K2R", "Y5F", "K2R:Y5F"])
def test_shares_add_up_to_the_masked_marginal_ratio(lively: Model, support: Support, name: str):
    variant = parse_variant(name, NUMBERING)
    found = ratio_shares(support, variant)
    ratio = substitutions(lively, SEQUENCE).of(variant)
    assert found.by_repeat.sum(0) == pytest.approx(ratio, abs=1e-9)
    assert found.total == pytest.approx(ratio, abs=1e-9)


def test_a_ratios_parts_are_those_of_the_letter_less_those_of_the_proteins_own(support: Support):
    letter, own = (support.shares(1, Contrast(each)).by_repeat for each in "RK")
    parts = ratio_shares(support, parse_variant("K2R", NUMBERING)).by_repeat
    assert parts[1:] == pytest.approx((letter - own)[1:])


def test_a_residue_that_was_not_measured_is_refused(support: Support):
    with pytest.raises(InputError, match="residue 3 was not measured"):
        ratio_shares(support, parse_variant("T3V", NUMBERING))


def shares(**parts: tuple[float, float]) -> RatioShares:
    """Parts by their mean and spread over four repeats."""
    sign = np.array([-1.0, 1.0, -1.0, 1.0])
    means = [parts.get(part, (0.0, 0.0)) for part in PARTS]
    return RatioShares(np.stack([mean + spread * sign for mean, spread in means]), Variant("K2R", ()))


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ({"order": (-3.0, 0.1), "position": (-1.0, 0.1)}, "evidence"),
        ({"order": (3.0, 0.1), "position": (1.0, 0.1)}, "evidence"),
        ({"order": (-1.0, 0.1), "position": (-3.0, 0.1)}, "default"),
        ({"order": (-3.0, 2.0), "position": (-1.0, 0.1)}, "unsettled"),
        ({"order": (-3.0, 0.1), "position": (-1.6, 0.0), "composition": (-1.6, 0.0)}, "unsettled"),
        ({"order": (1.0, 0.1), "position": (-3.0, 0.1)}, "default"),
        ({"position": (-5.0, 0.0)}, "default"),
        ({"copying": (-3.0, 0.1), "order": (-0.5, 0.1)}, "copied"),
        ({"copying": (-3.0, 3.0), "order": (-0.5, 3.0)}, "unsettled"),
        ({"order": (-0.6, 0.0)}, "undecided"),
    ],
)
def test_verdicts_follow_from_parts_and_their_intervals(parts, verdict):
    assert shares(**parts).verdict == verdict


def test_the_table_holds_every_substitution_measured(support: Support):
    table = verdicts(support)
    assert len(table) == 2 * 19
    row = table[(table.residue == 4) & (table.letter == "F")].iloc[0]
    found = ratio_shares(support, parse_variant("Y5F", NUMBERING))
    order = found.parts["order"]
    assert (row.verdict, row.order, row.order_low, row.order_high) == (found.verdict, order.mean, order.low, order.high)


def test_residues_without_evidence_are_those_whose_order_part_is_not_surely_above_zero(support: Support):
    lows = {residue: support.shares(residue, Contrast(SEQUENCE[residue])).part("order").low for residue in (1, 4)}
    assert without_evidence(support) == tuple(residue for residue, low in lows.items() if low <= 0)
    log_p = np.zeros((2, 4, 2, 3, 20))
    log_p[0, 2:, :, :, AMINO_ACIDS.index("K")] = 2.0  # at the first of the two, the real order alone speaks for K
    assert without_evidence(Support(SEQUENCE, (1, 4), log_p, ((), ()))) == (4,)
