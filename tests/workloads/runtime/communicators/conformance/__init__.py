"""The conformance suite of communicators: one module of checks for each thing that a communicator owes."""
