"""plmscope's engine: ESM-2 written out, interventions on it, and what they show. Knows nothing of Streamlit."""
