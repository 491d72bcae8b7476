"""The studio: every application in a browser, live. Needs the extra [studio]."""
