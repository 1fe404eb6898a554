"""Dagster assets by subject; every asset writes one catalogued table, or one slice of it."""
