"""The sample company, drawn and spoken by rules: one file per use case, every row rebuilt from its id alone."""
