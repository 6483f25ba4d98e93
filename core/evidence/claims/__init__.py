"""The claims, a module a group. Without torch."""
