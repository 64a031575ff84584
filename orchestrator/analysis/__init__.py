"""Pure functions from measurements to answers: no file system, no database."""
