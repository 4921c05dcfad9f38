# Wait some seconds, or until there is a file `go`.
for _ in $(seq $((20 * $1))); do
    if [[ -e go ]]; then break; fi
    sleep 0.05
done
