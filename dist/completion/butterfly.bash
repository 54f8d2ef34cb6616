# SPDX-License-Identifier: Apache-2.0
# bash: the command itself knows what may follow; where it knows nothing, files are meant.
_butterfly() {
  local IFS=$'\n'
  COMPREPLY=($("$1" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F _butterfly butterfly
