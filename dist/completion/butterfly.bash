# SPDX-License-Identifier: Apache-2.0
# bash: the command itself knows what may follow; where it knows nothing, files are meant.
_butterfly() {
  local words
  # Not COMP_WORDS: they are cut at each colon, as in unix:/run/butterfly/api.sock.
  read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
  [[ ${COMP_LINE:COMP_POINT-1:1} != [[:blank:]] ]] || words+=("")
  local IFS=$'\n'
  COMPREPLY=($("$1" --complete "${words[@]:1}" 2>/dev/null))
}
complete -o bashdefault -o default -F _butterfly butterfly
