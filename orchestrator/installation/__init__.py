"""Sets up what pip alone cannot: an MPI, an mpi4py that matches it, and Horovod built against it."""
