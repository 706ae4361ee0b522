"""What the HTTP sides of the services have in common: problem details, authentication, paging, the app factory."""
