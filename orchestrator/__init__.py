"""The login-node side: composes, plans, launches, watches, collects and reports. Imports no compute library."""

import time

__version__ = "0.2.0"

LOADED_NS = time.time_ns()
"""When this process began to load the program, ns since the epoch."""
