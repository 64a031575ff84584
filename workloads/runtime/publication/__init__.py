"""Published files: where they are, how they are fetched and checked."""
