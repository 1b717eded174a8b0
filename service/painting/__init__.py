"""One transfer, from pictures and options to the picture: styles' Grams and the engine come together here."""
