"""Conditions as data: JSON in and out, the sentence that a person reads, and what is refused."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.interventions import (
    HEAD_SITES,
    STREAM_SITES,
    AblateAttention,
    AblateHead,
    AblateMlp,
    AblateValues,
    BlockAttention,
    ClampFeature,
    FixTokenDropout,
    Head,
    NamedScope,
    PatchActivation,
    RemoveRope,
    ScaleBand,
    ScaleFeature,
    ShiftRope,
    Source,
    SwapRope,
    condition_from_json,
    condition_to_json,
    describe,
)

heads = st.builds(Head, st.integers(0, 47), st.integers(0, 39))
scopes = st.sampled_from(get_args(NamedScope)) | st.tuples(st.integers(0, 1000), st.integers(0, 1000))
finite = st.floats(allow_nan=False, allow_infinity=False)
modes = st.sampled_from(["zero", "mean", "resample"])
sides = st.sampled_from(["q", "k", "qk"])
simple = st.one_of(
    st.builds(AblateAttention, st.integers(0, 47), scopes, modes),
    st.builds(BlockAttention, heads, scopes, scopes, finite, st.booleans()),
    st.builds(AblateValues, heads, scopes),
    st.builds(ShiftRope, heads, finite, sides),
    st.builds(SwapRope, heads, scopes, st.integers(0, 1000), sides),
    st.builds(RemoveRope, heads, scopes, sides),
    st.builds(ScaleBand, heads, st.integers(0, 31), finite),
    st.builds(ScaleFeature, st.integers(0, 47), st.integers(0, 9999), finite, scopes),
    st.builds(ClampFeature, st.integers(0, 47), st.integers(0, 9999), finite, scopes),
    st.builds(FixTokenDropout, finite),
)
sources = st.builds(
    Source, st.lists(st.integers(0, 32), min_size=2, max_size=9).map(tuple), st.lists(simple, max_size=2).map(tuple)
)
interventions = simple | st.one_of(
    st.builds(AblateHead, heads, scopes, modes, st.none() | sources),
    st.builds(AblateMlp, st.integers(0, 47), scopes, modes, st.none() | sources),
    st.builds(
        PatchActivation,
        st.sampled_from(HEAD_SITES + STREAM_SITES),
        st.integers(0, 47),
        sources,
        st.none() | st.integers(0, 39),
        scopes,
        st.none() | scopes,
    ),
)
conditions = st.lists(interventions, max_size=5).map(tuple)


@given(conditions)
def test_conditions_round_trip_through_json(condition):
    returned = condition_from_json(condition_to_json(condition))
    assert returned == condition
    assert hash(returned) == hash(condition)


@given(conditions)
def test_every_condition_can_be_said_in_one_line(condition):
    said = describe(condition)
    assert said
    assert "\n" not in said
    assert "=" not in said  # no repr slips through


@given(st.text())
def test_any_other_text_is_refused_or_read(text):
    try:
        read = condition_from_json(text)
    except InputError as error:
        read = str(error)
    assert isinstance(read, tuple) or "\n" not in read


@given(heads)
def test_heads_are_read_as_they_are_written(head):
    assert Head.parse(str(head)) == head
    assert Head.parse(f" {str(head).lower()} ") == head


@pytest.mark.parametrize("text", ["L0H1", "L1H0", "H8", "L6", "L6H8x", "6.8", ""])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(InputError, match="is not a head"):
        Head.parse(text)


def test_the_sentence_a_person_reads():
    off = (AblateHead(Head(5, 7), "mask"), AblateHead(Head(0, 7), "mask"), ShiftRope(Head(4, 8), 3))
    assert describe(off) == "L6H8, L1H8 off at the mask · q of L5H9 shifted by +3 residues"
    assert describe((AblateAttention(5, "mask"), AblateMlp(0, "mask"))) == "L6 attention, L1 MLP off at the mask"
    assert describe(()) == "nothing is changed"


def test_many_components_are_counted_not_listed():
    every = tuple(AblateHead(Head(layer, index)) for layer in range(6) for index in range(12))
    said = describe(every)
    assert said.startswith("L1H1, L1H2")
    assert said.endswith("and 64 more off at every position")
