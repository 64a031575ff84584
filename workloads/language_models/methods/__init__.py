"""The methods of language_models: one file of settings each, and a task."""
