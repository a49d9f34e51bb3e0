"""A whole cluster on loopback, to look at and to break: `make cluster` (docs/scale.md, A cluster to try)."""
