"""plmscope's engine: ESM-2 written out, interventions on it, and what they show. Knows nothing of Streamlit."""

import os

# Read by libraries when they load, so set before torch is imported.
# oneDNN and PyTorch's wrapper of it each keep up to 1,024 prepared products, one for every shape of matrices that they
# met, of a megabyte or more: gigabytes for proteins of many lengths.
for _capacity in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_capacity, "32")
# OpenMP's threads wait for each other in a busy loop. Beside a browser or another server on the same cores a pass
# then takes twenty times as long; after a short loop they sleep instead.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
