"""Runs as a folder of files that any static host serves, and that opens without one."""
