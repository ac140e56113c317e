"""One file per command of `bench`."""
