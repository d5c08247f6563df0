"""Turns tokens into viewers and scopes. Knows neither GraphQL nor HTTP."""
