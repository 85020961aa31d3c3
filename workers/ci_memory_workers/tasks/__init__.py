"""Transport: each task takes ids, calls one service, and returns a count or a word. Flower shows both."""
