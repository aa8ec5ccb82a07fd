"""plmscope's engine: ESM-2 written out, interventions on it, and what they show. Knows nothing of Streamlit."""

import os

# oneDNN and PyTorch's wrapper of it each keep up to 1,024 prepared products, one for every shape of matrices that they
# met, of a megabyte or more: gigabytes for proteins of many lengths. Both read their limit at the first product.
for _capacity in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_capacity, "32")
