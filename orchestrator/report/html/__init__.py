"""The report as a folder of pages that opens from disk and from any web server, without network."""
