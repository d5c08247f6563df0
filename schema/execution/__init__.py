"""How operations run: the cache of validated operations and compiled completion."""
