"""Searches this installation or machine for causes that would make a run fail."""
