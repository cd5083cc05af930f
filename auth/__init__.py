"""Who is calling: tokens of users, keys of services. Knows nothing of rooms, sockets or stores."""
