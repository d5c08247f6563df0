"""`viewer`: the caller, as the token says."""

from datetime import datetime

import strawberry

from auth.viewer import Permission, Role


@strawberry.type(description="The caller, as the token says.")
class Viewer:
    subject: str | None = strawberry.field(description="The token's `sub`; null if it is no text.")
    role: Role = strawberry.field(
        description="The claim `role`, else `user_type`, else `is_admin`; CUSTOMER if none is."
    )
    permissions: list[Permission] = strawberry.field(
        description="The caller's permissions: an admin holds all, staff those of the token, "
        "others none."
    )
    organizer_id: str | None = strawberry.field(
        description="The organizer whose events the caller sees; the claim `organizer_id`."
    )
    expires_at: datetime | None = strawberry.field(
        description="The expiry of the token; the claim `exp`."
    )
