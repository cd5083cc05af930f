"""The experiments of types: who gets which variant of what they are told, and what is found of that."""
