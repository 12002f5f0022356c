"""XMPP negotiation as a state machine over any transport: features, TLS, SASL, bind."""
