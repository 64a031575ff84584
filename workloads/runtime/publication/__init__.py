"""Published files: their places, their download and their verification."""
