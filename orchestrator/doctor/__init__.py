"""What on this installation or machine would make a run fail."""
