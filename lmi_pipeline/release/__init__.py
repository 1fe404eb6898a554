"""Immutable releases: gate, manifest, difference, dictionary, exports."""
