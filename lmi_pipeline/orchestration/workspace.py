"""What an asset may reach: the settings, the lake and the vault, opened once per process."""

from __future__ import annotations

from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from lmi_pipeline.settings import Settings
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.storage.vault import Vault


@dataclass(frozen=True)
class Workspace:
    """Storage of one process.

    Attributes
    ----------
    settings : Settings
        As read at the start of the process.
    lake, vault : Lake, Vault
        Tables, and files as received.
    """

    settings: Settings
    lake: Lake
    vault: Vault

    @classmethod
    def open(cls, settings: Settings) -> Workspace:
        """Open the storage that the settings name; creates nothing.

        Linear algebra is held to one thread: the matrices of a survey quarter are small, and several processes on
        the same cores wait for each other's threads ten times longer than the work takes.
        """
        threadpool_limits(limits=1, user_api="blas")
        lake = Lake(settings.lake)
        return cls(settings, lake, Vault(settings.vault, lake))
