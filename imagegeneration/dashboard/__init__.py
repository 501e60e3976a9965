"""The dashboard: the script that st.App runs, and what its pages share."""
