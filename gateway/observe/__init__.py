"""What a node tells of itself: metrics, trends, the overview and the feed.

It reads what other rooms count and asks other nodes; nothing depends on it to do its work. What it keeps is
in memory, and gone with the process.
"""
