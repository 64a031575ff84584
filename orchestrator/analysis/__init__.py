"""Pure functions from measurements to results. They read no file and no database."""
