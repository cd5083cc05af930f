"""The two HTTP sites. The public one is for browsers and mail readers, the internal one for backends and operators."""
