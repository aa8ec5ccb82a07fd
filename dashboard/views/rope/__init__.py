"""What RoPE does to a prediction."""
