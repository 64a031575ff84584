"""Tables and lines for people at a terminal, and the texts that they share with the page and with Markdown."""
