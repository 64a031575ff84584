"""From a planned run to ranks that run: schedulers take the job, launchers start its ranks, a supervisor minds them."""
