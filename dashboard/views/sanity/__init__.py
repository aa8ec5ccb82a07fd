"""Is a confident prediction evidence, or a default? The whole protein at a glance."""
