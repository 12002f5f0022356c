"""The product's name and version, written once."""

NAME = "mim"
VERSION = "0.1.0"
