"""The texts of language_models: one file of settings each, and a class that reads and makes them."""
