"""What is drawn of a report: pure functions from the document to plots, a file a kind of plot."""
