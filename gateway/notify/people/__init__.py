"""People: what is known of users, and who they are to the gateway.

`contacts` remembers what tokens said of them, `profiles` what backends tell, and `topics` to what backends have subscribed
them. `users` puts together all that is held about one, and ends it.
"""
