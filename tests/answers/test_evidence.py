"""Verdicts: each from planted parts, never stronger than its interval; and the answer over proteins."""

import numpy as np
import pandas as pd
import pytest

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.evidence import PARTS, Contrast, Shares, measure_support
from core.analyses.masked_marginals import masked_marginals
from core.answers.calibration import (
    Calibration,
    Criterion,
    as_markdown,
    called,
    duplicates,
    false_evidence,
    kept_calibration,
    make_calibration,
    own,
    poly_x,
    save_calibration,
)
from core.answers.evidence import (
    CONFIDENT,
    RULE,
    SURE,
    Chosen,
    Evidence,
    Scan,
    evidence,
    evidence_by_stretch,
    judge,
    letters,
    residue_rows,
    scan,
    scanned,
)
from core.answers.evidence_words import beside_prediction, sentences
from core.answers.residue_card import residue_card
from core.answers.survey import Survey
from core.answers.verdict_words import VERDICTS_SAID
from core.bootstrap import wilson
from core.errors import InputError
from core.interventions import AblateHead, BlockAttention, Head
from core.model import Model, load_model
from core.run import run
from core.tables import rows
from tests.answers.conftest import SEQUENCES, DirectSurvey
from tests.heard import Heard

NOISE = np.array([-0.2, 0.1, 0.15, -0.05, 0.0, 0.1, -0.1, 0.0])


def planted(noise: float = 1.0, **parts: float) -> Shares:
    """Shares with these means; random orders move order against composition, as in a real lattice."""
    by_repeat = np.tile([[parts.get(part, 0.0)] for part in PARTS], (1, len(NOISE)))
    by_repeat[PARTS.index("composition")] += noise * NOISE
    by_repeat[PARTS.index("order")] -= noise * NOISE
    return Shares(by_repeat)


@pytest.mark.parametrize(
    ("shares", "p", "lead", "verdict"),
    [
        (planted(order=3.0, composition=0.4), 0.9, 3.0, "evidence"),
        (planted(order=3.0, composition=0.4, noise=9), 0.7, 3.0, "unsettled"),
        (planted(order=3.0, composition=0.4, noise=12), 0.9, 3.0, "unsettled"),
        (planted(order=1.6, composition=0.2), 0.9, 3.0, "unsettled"),  # too little for a claim
        (planted(order=3.0, composition=2.8), SURE - 0.01, 3.0, "unsettled"),  # no clear lead
        (planted(order=3.0, composition=2.8), SURE, 3.0, "evidence"),
        (planted(copying=3.0, order=0.5), 0.9, 3.0, "copied"),
        (planted(position=3.8, order=-0.3), 0.6, 2.5, "position"),
        (planted(composition=2.0), 0.6, 2.5, "composition"),
        (planted(composition=0.8, prior=1.2), 0.6, 2.5, "composition"),
        (planted(order=3.0), 0.45, 0.2, "competition"),
        (planted(order=3.0), 0.40, -0.2, "competition"),
        (planted(order=3.0), CONFIDENT - 0.01, 2.0, "none"),
        (planted(order=-1.0, composition=-1.0, position=-1.0, prior=-1.0, copying=-1.0), 0.5, 1.0, "unsettled"),
    ],
)
def test_verdicts_follow_from_planted_parts(shares: Shares, p: float, lead: float, verdict: str):
    assert judge(shares, p, lead).verdict == verdict


def test_a_scan_masks_every_residue(survey: DirectSurvey, lively: Model):
    found = scan(survey, SEQUENCES)
    for name, sequence in SEQUENCES.items():
        log_p = masked_marginals(lively, sequence)
        table = found.of(name)
        own_at = [AMINO_ACIDS.index(letter) for letter in sequence]
        np.testing.assert_allclose(table.surprise, -log_p[np.arange(len(sequence)), own_at], atol=1e-9)
        assert table.top.tolist() == [AMINO_ACIDS[index] for index in log_p.argmax(1)]
        expected = np.exp(-np.mean(log_p[np.arange(len(sequence)), own_at]))
        assert found.pseudo_perplexity(name) == pytest.approx(expected)
        ordered = np.sort(log_p, axis=1)
        np.testing.assert_allclose(table.lead, ordered[:, -1] - ordered[:, -2], atol=1e-9)


def test_a_long_scan_shows_its_first_residues_before_its_end(lively: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.answers.evidence.SCANNED_AT_ONCE", 8)
    heard, sequence = Heard(), "MKTAYIAKQRQISFVKSHFSR"
    whole = scanned(lively, sequence, progress=heard)
    assert [len(part) for part in heard.shown] == [8, 16, 21]
    for part in heard.shown:
        pd.testing.assert_frame_equal(part, whole.head(len(part)))


def test_a_rare_letter_has_no_surprise_and_no_row_of_its_own(survey: DirectSurvey):
    found = evidence(survey, {"rare": "MKXAYIAKQR"})
    assert np.isnan(found.scan.of("rare").surprise[2])
    assert "own" not in set(rows(found.letters, residue=2).role)


@pytest.fixture
def found(survey: DirectSurvey) -> Evidence:
    return evidence(survey, SEQUENCES)


def test_every_confident_residue_and_the_first_are_taken_apart(found: Evidence, lively: Model):
    for name, sequence in SEQUENCES.items():
        p = np.exp(masked_marginals(lively, sequence).max(1))
        confident = np.flatnonzero(p >= CONFIDENT).tolist()
        apart = rows(found.letters, subject=name, role="top").residue.tolist()
        assert apart == sorted({0, *confident})
        strip = rows(found.strip, subject=name)
        assert len(strip) == len(sequence)
        assert set(strip.residue[strip.verdict != "none"]) <= set(confident)
        assert sum(found.counts(name).values()) == len(sequence)


def test_rows_are_the_analysis_own_numbers(found: Evidence, lively: Model):
    row = rows(found.letters, subject="one", residue=0, role="second").iloc[0]
    support = measure_support(lively, SEQUENCES["one"], [0])
    parts = support.shares(0, Contrast(row.letter)).parts
    for part in PARTS:
        assert (row[part], row[f"{part}_low"], row[f"{part}_high"]) == pytest.approx(
            (parts[part].mean, parts[part].low, parts[part].high), abs=1e-9
        )
    assert row[list(PARTS)].sum() == pytest.approx(row.total, abs=1e-5)
    index = AMINO_ACIDS.index(row.letter)
    assert row.first_in == sum(each.argmax() == index for each in support.log_p[0, 1, 1])


def test_the_embedded_model_judges_as_its_card_says():
    survey = DirectSurvey(load_model("embedded"))
    found = letters(survey, {"no M": Chosen("KTAYIAKQRQISFVKSHFSRQ", (0,)), "poly-Q": Chosen("Q" * 40, (20,))})
    start = rows(found, subject="no M", role="top").iloc[0]
    assert (start.letter, start.verdict) == ("M", "position")
    assert rows(found, subject="poly-Q", role="top").iloc[0].verdict == "composition"
    line = beside_prediction(rows(found, subject="no M"), "K1", VERDICTS_SAID)
    assert "M ranks first in 8 of 8 random orders" in line
    assert "default of position, not evidence" in line
    assert "The protein has K there" in line


def made(verdicts: list[str], tops: str, own: str) -> Evidence:
    """An answer about one protein with these verdicts, every other number made up."""
    n = len(own)
    table = pd.DataFrame(
        {"subject": "it", "residue": range(n), "own": list(own), "top": list(tops), "second": "A", "p_top": 0.9}
    ).assign(p_own=0.5, lead=2.0, surprise=np.linspace(0.1, 1.0, n))
    parts = dict.fromkeys(PARTS, 0.5)
    letter = table.rename(columns={"top": "letter"}).assign(role="top", verdict=verdicts, total=2.5, p=0.9, **parts)
    return Evidence(Scan({"it": own}, table), letter.assign(first_in=3, of=8, copied=[0, 0, 20, 0]))


def test_sentences_say_the_numbers():
    found = made(["position", "evidence", "copied", "composition"], "MKTW", "AKTA")
    names = ("A1", "K2", "T3", "A4")
    said = sentences(found, "it", names, pd.DataFrame({"pairs": [2], "probability": [0.2]}), VERDICTS_SAID)
    assert said[0].startswith("**M at the start: default of position, not evidence.** M ranks first in 3 of 8")
    assert "The protein has A there" in said[0]
    assert "25% of the chain" in said[1]
    assert f"Pseudo-perplexity {np.exp(np.linspace(0.1, 1.0, 4).mean()):.1f}" in said[1]
    assert "1 of them are copied from it (T3); 1 are defaults of composition (A4)" in said[2]
    assert "2" in said[3]
    assert said[3].index("A4") < said[3].index("A1")  # the most surprising first
    assert "unsure" in said[4]
    headless = pd.DataFrame({"pairs": [], "probability": []})
    assert "no contact head" in sentences(found, "it", names, headless, VERDICTS_SAID)[4]


def test_a_card_shows_the_heads_and_the_ladder(survey: DirectSurvey, lively: Model):
    sequence = SEQUENCES["one"]
    card = residue_card(survey, {"one": Chosen(sequence, (4,))})
    top = card.letters.letter[0]
    tokens = tokenize(sequence, [4])

    def gap(condition) -> float:
        logits = run(lively, tokens, [condition]).logits[0, 5, 4:24]
        at = AMINO_ACIDS.index(top)
        return float(logits[at] - np.delete(logits.numpy(), at).max())

    for _, row in card.heads.head(3).iterrows():
        head = Head.parse(row["head"])
        assert row.gap_change == pytest.approx(gap((AblateHead(head),)) - gap(()), abs=1e-6)
        assert row.blind_to_bos == pytest.approx(gap((BlockAttention(head),)) - gap(()), abs=1e-6)
    together = tuple(BlockAttention(Head.parse(name)) for name in card.readers.split(", "))
    assert card.blind_readers == pytest.approx(gap(together) - gap(()), abs=1e-6)
    # a window beyond the chain leaves nothing to move: near only is the clean run
    whole = card.letters.total[0]
    widest = rows(card.ladder, letter=top, kept="near", window=16).iloc[0]
    assert (widest.log_odds, widest.low, widest.high) == pytest.approx((whole, whole, whole), abs=1e-6)
    assert rows(card.moved, letter=top, place="as it is").log_odds.iloc[0] == pytest.approx(whole, abs=1e-6)


def test_false_evidence_counts_confident_residues_only():
    table = pd.DataFrame(
        {"role": "top", "residue": [0, 3, 4, 5], "verdict": ["position", "evidence", "none", "unsettled"]}
    )
    whole, inside = false_evidence("controls", "controls", table.assign(subject=["a", "a", "a", "b"]))
    assert (whole.counted, whole.of, inside.counted, inside.of) == (1, 3, 1, 2)
    assert whole.met is False
    assert whole.sequences == 2
    assert whole.by_sequence is None, "two sequences"


def test_a_share_of_residues_is_known_as_well_as_its_sequences_let_it_be(lively: Model):
    """All or nothing by sequence: 80 residues say as much as 8."""
    letters = pd.DataFrame({"subject": np.repeat(list("abcdef"), 10), "verdict": "evidence"})
    found = called("a", "the group", letters, "evidence", 0.8, dict.fromkeys("abcdefgh", 10))
    assert (found.counted, found.of, found.sequences) == (60, 80, 8)
    assert found.by_sequence == pytest.approx(wilson(0.75, 8), abs=0.02)
    few = called("a", "the group", letters, "evidence", 0.8, dict.fromkeys("abcde", 10))
    assert make_calibration(lively, [found, few], "").table().Found.tolist() == [
        "60 of 80 = 75.0% (41% to 93%, 8 sequences)",
        "50 of 50 = 100.0% (5 sequences: too few for an interval)",
    ]


def test_a_calibration_is_kept_beside_its_weights_alone(tiny_calibration: Calibration, monkeypatch, tmp_path, lively):
    monkeypatch.setattr("core.answers.calibration.file_beside", lambda name, what: tmp_path / what)
    assert kept_calibration(lively) is None
    save_calibration(tiny_calibration, tmp_path / "evidence.json")
    assert kept_calibration(lively) == tiny_calibration
    assert kept_calibration(load_model("embedded")) is None  # other weights
    (tmp_path / "evidence.json").write_text("{}")
    with pytest.raises(InputError, match="not a calibration"):
        kept_calibration(lively)
    text = as_markdown(tiny_calibration)
    assert "1 of 4 = 25.0% (5% to 70%, residues of one sequence counted as if they were independent)" in text
    assert "Short are the group (evidence in 1 of 4)." in text
    assert RULE in text


@pytest.fixture
def tiny_calibration(lively: Model) -> Calibration:
    criteria = [Criterion("a", "the group", "evidence", 0.8, "at least", 1, 4)]
    criteria.append(called("b", "nothing", pd.DataFrame({"verdict": [], "subject": []}), "copied", 0.8, {}))
    assert criteria[1].met is None
    return make_calibration(lively, criteria, "A sample.")


def test_what_is_planted_is_what_it_says():
    for name, chosen in poly_x().items():
        assert set(chosen.sequence) == {name[-1]}
    for chosen in duplicates(3, 0).values():
        assert chosen.sequence[:40] == chosen.sequence[55:]
        assert all(65 <= residue < 85 for residue in chosen.residues)
    assert duplicates(2, 0) == dict(list(duplicates(3, 0).items())[:2])


def test_own_rows_are_the_proteins_letters(survey: Survey):
    chosen = {"one": Chosen(SEQUENCES["one"], (0, 5)), "two": Chosen(SEQUENCES["two"], (3,))}
    mine = own(letters(survey, chosen), chosen)
    expected = [(name, at, each.sequence[at]) for name, each in chosen.items() for at in each.residues]
    assert list(zip(mine.subject, mine.residue, mine.letter, strict=True)) == expected
    assert residue_rows(measure_support(survey.model, SEQUENCES["two"], [3]), 3).letter.is_unique


def test_stretches_add_up_to_the_whole(survey: DirectSurvey, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.answers.evidence.STRETCH", 2)
    monkeypatch.setattr("core.answers.evidence.CONFIDENT", 0.0)
    whole = evidence(survey, {"one": SEQUENCES["one"]}, seed=1)
    growing = list(evidence_by_stretch(survey, whole.scan, "one", seed=1))
    assert len(growing) == -(-len(SEQUENCES["one"]) // 2)
    assert [each.letters.residue.nunique() for each in growing[:2]] == [2, 4]
    pd.testing.assert_frame_equal(growing[-1].letters, whole.letters, rtol=1e-4, atol=1e-4)
