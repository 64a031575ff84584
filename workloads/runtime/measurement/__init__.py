"""What ranks measure of themselves, and what they tell while they run."""
