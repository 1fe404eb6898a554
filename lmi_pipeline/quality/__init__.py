"""Checks of tables, generated from the catalogue; counts leave, values never."""
