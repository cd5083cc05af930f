"""What is answered and told, as schemas: for the OpenAPI document, and for the types of the web's pages.

`gateway.protocol.shapes` writes it; the contract tests hold every answer to its schema here.

They only describe: nothing is loaded or dumped by them. The docstring of a schema becomes the comment of an
interface in the pages, and so is written for those who write pages. Members that may be absent are `fields`,
those that are always there are `required`.
"""
