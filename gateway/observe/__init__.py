"""What a node tells of itself: metrics, trends, the overview and the feed."""
