#compdef butterfly
# SPDX-License-Identifier: Apache-2.0
# zsh: as dist/completion/butterfly.bash.
local -a candidates
candidates=(${(f)"$($words[1] --complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
if (( $#candidates )); then compadd -a candidates; else _files; fi
