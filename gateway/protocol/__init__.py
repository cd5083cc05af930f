"""The interface in values: what may come in, what goes out, and what is said when something is wrong."""
