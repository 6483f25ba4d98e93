"""What stands between the browser and Streamlit: host check, index page, files of the front end."""
