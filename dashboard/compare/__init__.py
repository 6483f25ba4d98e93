"""What the Compare page is made of: the listing, the address, groups, rows, dialogs."""
