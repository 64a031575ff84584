"""Images at any angle: what a network that has seen them upright still knows of them."""
