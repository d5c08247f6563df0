"""From a token to what its bearer may see. Knows neither GraphQL nor HTTP."""
