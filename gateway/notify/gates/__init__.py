"""The gates of `gateway.notify.decide`, a module each: the facts, how they are found, and the rule."""
