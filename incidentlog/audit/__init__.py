"""Proofs that the history was not touched: leaves, the Merkle tree over them, signed tree heads, exports."""
