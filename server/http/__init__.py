"""The HTTP application: routes, middleware and the GraphQL endpoint."""
