# shellcheck shell=bash
# What lies in the dead letter topic.

# count_letters: how many there are now.
count_letters() { kafka get-offsets --topic "$LETTERS" | awk -F : '{ n += $3 } END { print n + 0 }'; }

# fetch_letters COUNT: their headers, a line each, with an empty line after each letter.
fetch_letters() {
  kafka console-consumer --topic "$LETTERS" --from-beginning --max-messages "$1" --timeout-ms 20000 \
    --formatter-property print.headers=true --formatter-property print.key=true --formatter-property print.value=false \
    --formatter-property headers.separator=$'\n' --formatter-property key.separator=$'\n' >"$DEMO/dead-letters.txt"
}

# header NAME: of the first letter.
header() { sed -n "s/^$1://p" "$DEMO/dead-letters.txt" | head -n 1; }
