"""Features: directions of a layer's residual stream that a sparse autoencoder found, to see, name and switch off."""
