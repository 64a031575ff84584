"""The central store of measured runs, in any database that SQLAlchemy supports."""
