"""Installs the parts that pip alone cannot: an MPI, an mpi4py that matches it, and Horovod built against it."""
