"""Plots of a report: pure functions from the document to Plot, one file for each kind."""
