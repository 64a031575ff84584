"""Acceptance: suites of checks, run phase by phase, judged with statistics, kept as a record that can be verified."""
