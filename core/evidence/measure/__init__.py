"""What measures the claims: one module a group, with torch."""
