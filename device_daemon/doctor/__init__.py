"""`voicelive-speaker doctor`: self-test of the complete device, with a remedy for each failure.

`checklist` has the order of the checks, `runner` runs one check with a deadline and turns every error into a finding,
`findings` are the results, `remedies` knows the command for each error, and `bundle` packs an archive for support. The
other modules check one area each.
"""
