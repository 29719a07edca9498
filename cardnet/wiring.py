"""What edges take from the running app: the world, the settings, the vault."""

from flask import current_app

from cardnet.config import Settings
from cardnet.kernel.vault import Vault
from cardnet.kernel.world import World


def current_world() -> World:
    """The world of the running app."""
    world: World = current_app.extensions["cardnet.world"]
    return world


def current_settings() -> Settings:
    """The settings of the running app."""
    settings: Settings = current_app.extensions["cardnet.settings"]
    return settings


def current_vault() -> Vault:
    """The vault of the running app."""
    vault: Vault = current_app.extensions["cardnet.vault"]
    return vault
