"""The configuration: its typed schema, where its groups are found, and how a command line becomes one of it."""
