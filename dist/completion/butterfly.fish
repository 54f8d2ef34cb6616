# SPDX-License-Identifier: Apache-2.0
# fish: as dist/completion/butterfly.bash.
complete -c butterfly -a '(butterfly --complete (commandline -opc)[2..-1] (commandline -ct))'
