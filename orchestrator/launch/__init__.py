"""From a planned run to running ranks: schedulers take the job, launchers start its ranks, a supervisor
watches them.
"""
