"""The web application: the API for churches, the routes for carriers, and the pages for operators."""
