"""The operator's pages: the login, and rq-dashboard at /rq, and the sessions of the operators."""
