"""The methods of operators."""
