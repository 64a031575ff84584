"""Telling people: by mail, by webhook, and by keeping what could not be sent until it can."""
