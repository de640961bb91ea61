"""Recall: whole answers remembered, each by the head that it answered, for as long as it would be the same again."""
