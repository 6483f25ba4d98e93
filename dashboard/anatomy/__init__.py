"""The sections of the Anatomy page, one module each, and what they share."""
