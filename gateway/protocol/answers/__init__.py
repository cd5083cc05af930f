"""What is answered and told, as schemas: for the OpenAPI document, and for the types of the web's pages.

`gateway.protocol.shapes` writes it; the contract tests hold every answer to its schema here.
"""
