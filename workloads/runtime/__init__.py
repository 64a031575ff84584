"""What all benchmarks share: communicators, the training loop, the loader, telemetry and checkpoints."""
