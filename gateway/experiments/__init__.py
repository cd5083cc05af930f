"""Experiments: which of several ways to say a thing does better, and how sure one may be of that."""
