"""Health probes: what each node computes, moves and reads by itself, and what each pair of nodes sends."""
