"""The report: a page that opens offline, its tables and its series."""
