"""A campaign's life: made, submitted, followed, judged, collected."""
