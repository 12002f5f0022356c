"""Which packages there are: found, so that nobody has to list them; ``plugins`` installs as ``mim_plugins``."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["mim", "mim.*"]),
        "mim_plugins",
        *(f"mim_plugins.{name}" for name in find_packages("plugins")),
    ],
    package_dir={"mim_plugins": "plugins"},
)
