"""The catalog: what every type of notification is about, its shape, its words, its channels, and for whom it is on."""
