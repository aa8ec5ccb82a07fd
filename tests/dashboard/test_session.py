"""What the controls mean: choices as conditions, residues and targets as people write them."""

from core.components import component_names
from core.interventions import AblateAttention, AblateHead, AblateMlp, BlockAttention, Head, ShiftRope
from core.model import ModelShape
from dashboard.session import EVERY_HEAD, EditChoices, parse_residues, plain, target_letter, written_residues

UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"


def test_choices_become_the_same_condition_in_whatever_order_they_were_made():
    shape = ModelShape(2, 2, 8)
    one = EditChoices(("L2 MLP", "L2H1", "L1 attention", "L1H2"), "mask", "mean", ("L1H1",), 3, (Head(1, 0),), "q")
    other = EditChoices(("L1H2", "L1 attention", "L2H1", "L2 MLP"), "mask", "mean", ("L1H1",), 3, (Head(1, 0),), "q")
    expected = (
        AblateHead(Head(0, 1), "mask", "mean"),
        AblateHead(Head(1, 0), "mask", "mean"),
        AblateAttention(0, "mask", "mean"),
        AblateMlp(1, "mask", "mean"),
        BlockAttention(Head(0, 0), "all", "bos"),
        ShiftRope(Head(1, 0), 3, "q"),
    )
    assert one.condition(shape) == other.condition(shape) == expected


def test_nothing_chosen_is_the_empty_condition_and_every_head_is_every_head():
    shape = ModelShape(3, 4, 8)
    assert EditChoices((), "all", "zero", (), 0, (Head(0, 0),), "q").condition(shape) == ()
    blocked = EditChoices((), "all", "zero", (EVERY_HEAD,), 0, (), "q").condition(shape)
    assert len(blocked) == 12
    assert len(component_names(shape)) == 3 * (4 + 2)


def test_residues_are_read_as_people_write_them():
    assert parse_residues("M1, 5 7;K11-13", UBIQUITIN) == (0, 4, 6, 10, 11, 12)
    assert parse_residues("T7, M1, 7", UBIQUITIN) == (6, 0)
    assert parse_residues("  ", UBIQUITIN) == ()
    assert written_residues((0, 26), UBIQUITIN) == "M1, K27"
    assert parse_residues(written_residues(range(76), UBIQUITIN), UBIQUITIN) == tuple(range(76))


def test_the_target_is_the_residues_own_unless_chosen():
    assert target_letter("wild type", UBIQUITIN, 2) == "I"
    assert target_letter("W", UBIQUITIN, 2) == "W"
    assert target_letter("wild type", "XMK", 0) == "M"


def test_what_a_person_writes_is_shown_as_written():
    assert plain("**b** ![x](http://y) <i> $a$ :red[z]") == (r"\*\*b\*\* \!\[x\]\(http\://y\) \<i\> \$a\$ \:red\[z\]")
