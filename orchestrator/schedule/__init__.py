"""The scheduled sweep of a cluster: when it runs, what starts it, what it runs, and what it tells people."""
