"""The command line, configuration, registries and the run."""
