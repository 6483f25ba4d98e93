"""What stands between the browser and Streamlit: who gets in, index page, the front end's files."""
