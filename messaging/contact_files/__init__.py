"""Files of contacts (CSV and Excel): how they are read, what their columns mean, and which person is in a row."""
