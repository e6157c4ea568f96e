"""Pages for whoever writes a client, generated from the actions, their contracts and their codecs."""
