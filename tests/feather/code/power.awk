# The numbers of one part of the fan-out, each raised to a power.
NR > 10 * part && NR <= 10 * (part + 1) { print $1 ^ power }
