"""What grows while a run trains, kept ready for the routes: feeds, streams, downsampled series."""
