"""The operator's room: rq-dashboard at /rq, behind one password."""
