"""One file a method: its YAML, and where it needs them its task and its options."""
