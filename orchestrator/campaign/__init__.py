"""The life of a campaign: creation, submission, following, judgement and collection."""
