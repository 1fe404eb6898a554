"""Partitions, IO manager, intake, checks, jobs, schedule and sensor: how Dagster runs the project."""
