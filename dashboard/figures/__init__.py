"""Pure functions: settings or arrays in, a picture out."""
