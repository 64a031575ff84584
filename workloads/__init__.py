"""The compute-node side: what every rank of a job runs."""
