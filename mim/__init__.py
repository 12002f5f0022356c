"""mim: an XMPP chat server configured by one TOML file and administered over REST."""
