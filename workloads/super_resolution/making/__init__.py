"""Makes fine fields where none are published, or none are at hand: relief, flows, skies and seas."""
