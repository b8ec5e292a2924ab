#!/usr/bin/env bash
# Builds the announcements. They are committed, so that neither a build nor a gateway
# needs a speech engine; run this only to change what they say. Needs espeak-ng and sox.
set -euo pipefail
cd "$(dirname "$0")"

say() { # name, words, [speed]
    espeak-ng -v en-us -s "${3:-150}" -w spoken.tmp.wav "$2"
    # The telephone band at -3 dB below full scale, silence trimmed at both ends.
    sox spoken.tmp.wav -r 8000 -c 1 -b 16 -e signed-integer -D "$1.wav" \
        highpass 200 lowpass 3400 silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse norm -3
    rm spoken.tmp.wav
}

say stay-on-line "Please stay on the line. We are connecting your emergency call."
say press-1 "Emergency call for the safety team. Press 1 to answer."
say no-emergency-calling "Public emergency calling is not available from this phone. Please stay on the line for the safety team."
say recorded "This call is recorded."
say test-call "This is a test of emergency calling. This is not an emergency. You are calling from"
say location-is "Your location is"

i=0
for word in zero one two three four five six seven eight nine; do
    say "$i" "$word" 140
    i=$((i + 1))
done
say plus "plus" 140
