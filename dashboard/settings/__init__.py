"""The settings of `core.config` as widgets hold them and as an address says them."""
