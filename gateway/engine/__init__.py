"""The fast, bounded transport under python-socketio."""
