"""What the dashboard's pages ask: reports, videos and what arrives, over HTTP, from any lake.

asking.py    a question in a URL's query, and the answer to it
encoding.py  an answer as JSON and as CSV
live.py      what arrives, remembered and told to whoever watches
refusing.py  every error in one envelope; who may ask
routes.py    the routes
"""
