"""Open labour market information for the United Kingdom, as one Dagster project."""
