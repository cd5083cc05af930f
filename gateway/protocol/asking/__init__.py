"""What may be asked beside an emit: the shape of each request, and its parsing into what the use cases take.

Unknown fields are refused. The marshmallow schemas are the one truth, for validation as for the OpenAPI document. A
schema of one field loads that field's value, the others load a request of `gateway.notify.requests`.

A noun whose answers have no other home has its requests beside them, in a file of its own in `gateway.protocol`.
"""
