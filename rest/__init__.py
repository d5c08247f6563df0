"""The reference paths: stored operations, answered over REST; OpenAPI describes them."""
