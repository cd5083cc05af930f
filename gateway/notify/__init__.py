"""The use cases: emit, deliver, read, keep."""
