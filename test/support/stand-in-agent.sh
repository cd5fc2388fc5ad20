# Stands in for the agent: takes its token, notes that it was started, and then behaves as the test wants.
[ -z "${IMS_TOKEN_FILE:-}" ] || exec <"$IMS_TOKEN_FILE"
if ! IFS= read -r token; then
  echo "no token was given" >&2
  exit 1
fi
printf '%s %s\n' "$IMS_JOB_ID" "$token" >>"$LEDGER"
eval "$BEHAVIOUR"
