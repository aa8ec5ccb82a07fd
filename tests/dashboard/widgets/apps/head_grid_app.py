"""The head grid over made-up effects; the query string chooses the model's shape."""

import numpy as np
import streamlit as st

from core.interventions import Head, component_name
from dashboard.widgets.head_grid import HeadChoice, HeadGridData, head_grid

st.set_page_config(layout="wide")
n_layers, n_heads = int(st.query_params.get("layers", 6)), int(st.query_params.get("heads", 20))
effects = np.random.default_rng(0).normal(scale=0.4, size=(n_layers, n_heads + 2))
effects[-1, min(7, n_heads - 1)] = -5.2
data = HeadGridData(effects[:, :n_heads], effects[:, n_heads], effects[:, n_heads + 1])
if st.query_params.get("case") == "not-computed":
    data = HeadGridData.not_computed(n_layers, n_heads)

st.session_state.setdefault("choice", HeadChoice(selected=Head(0, 0)))
if st.button("Switch L2H2 off"):
    st.session_state.choice = HeadChoice(frozenset({Head(1, 1)}))
left, _ = st.columns(2)
with left:
    choice = st.session_state.choice = head_grid(data, key="grid", choice=st.session_state.choice)
off = ", ".join(sorted(map(component_name, choice.off))) or "none"
st.text(f"off: {off}; selected {choice.selected}")
