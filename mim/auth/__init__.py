"""Credentials: how passwords are kept, and the SASL mechanisms that check them."""
