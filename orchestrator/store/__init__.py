"""The central store: what was measured, by run, in any database that SQLAlchemy speaks to."""
