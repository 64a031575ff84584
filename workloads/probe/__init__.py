"""Health probes: each node's arithmetic, memory and reading, and the messages of each pair of nodes."""
