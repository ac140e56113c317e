"""One call of `bench run`, from configuration to records, and what repeats or reads such runs."""
