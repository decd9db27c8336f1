"""The operator's pages: the login, and rq-dashboard at /rq, both protected by one password."""
