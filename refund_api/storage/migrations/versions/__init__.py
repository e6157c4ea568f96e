"""One revision a file: NNNN_what_it_does.py."""
