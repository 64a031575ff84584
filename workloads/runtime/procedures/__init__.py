"""What a run does with a task: train it, infer with it."""
