"""One file a data set: its YAML and the class that makes it."""
