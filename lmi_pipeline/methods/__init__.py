"""Pure statistics: frames and arrays in, frozen results out; no I/O, clock, Dagster or SQL."""
