# Read by the `flask` command when it runs in this folder. No secrets belong here: those are in .env or the environment.
FLASK_APP=api.command_line
