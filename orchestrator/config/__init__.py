"""The configuration: its typed schema, the files of its groups, and its composition from a command line."""
