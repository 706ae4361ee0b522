"""Notify's store in memory and in MongoDB; both pass one contract suite."""
