"""Scheduled sweeps of a cluster: their times, the back ends that start them, their runs, and the messages
about them.
"""
