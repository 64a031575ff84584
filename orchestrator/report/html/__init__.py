"""The report as a folder of pages that open from disk and from any web server, without network."""
