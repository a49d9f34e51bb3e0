"""How events become subjects, and subjects become rows. Pure: no database, no clock, no network.

It knows the shapes of what can happen and of what can be asked, and no single one of them.
"""
