"""`mien doctor`: checks of everything that mien needs, each with its cure.

`probes` gather facts, `checks` judge them without any I/O, `examination` runs both within a deadline.
"""
