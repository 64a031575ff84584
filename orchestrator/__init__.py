"""The login-node side: composes, plans, launches, watches, collects and reports. Imports no compute library."""

__version__ = "0.2.0"
