"""What schemathesis has to be told to send a spec: it is text as it stands."""

import schemathesis


@schemathesis.serializer("application/toml")
def toml(ctx, value):
    return value.encode() if isinstance(value, str) else str(value).encode()
