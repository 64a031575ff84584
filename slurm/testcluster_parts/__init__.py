"""The parts of ``slurm/testcluster``: a real Slurm of several nodes on one machine."""
