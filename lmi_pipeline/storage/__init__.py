"""Vault, lake and SQL runner: where files and tables are."""
