"""Who is online, across the cluster: in-process, or Redis."""
