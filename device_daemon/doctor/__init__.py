"""`voicelive-speaker doctor`: walks the whole device and says for each thing ok, or what is wrong and what mends it.

`checkup` is what it finds, `rounds` how it looks without hanging or failing itself, `visit` the walk in its order;
the other modules look at one area each, and `bundle` packs what a stranger needs to help.
"""
