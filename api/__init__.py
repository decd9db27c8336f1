"""HTTP in: what churches, carriers and operators ask of the service."""
