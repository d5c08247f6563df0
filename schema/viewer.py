"""`viewer`: who the token says the caller is."""

from datetime import datetime

import strawberry

from auth.viewer import Permission, Role


@strawberry.type(description="Who the token says you are.")
class Viewer:
    subject: str | None = strawberry.field(
        description="The token's `sub`: whom it was made out to. Null if it is no text."
    )
    role: Role = strawberry.field(
        description="The claim `role`, else `user_type`, else `is_admin`; CUSTOMER if none is."
    )
    permissions: list[Permission] = strawberry.field(
        description="What you may see beyond your role: an admin holds all, others but staff none."
    )
    organizer_id: str | None = strawberry.field(
        description="The organizer whose events you see; the claim `organizer_id`."
    )
    expires_at: datetime | None = strawberry.field(
        description="When the token ends; the claim `exp`."
    )
