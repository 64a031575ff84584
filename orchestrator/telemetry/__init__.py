"""What the ranks measured, read from their telemetry file and summed: where collecting and reporting start from."""
