// SPDX-License-Identifier: Apache-2.0
// butterfly: the command by which operators speak to butterflyd.
#include "cli/app.h"

int main(int argc, char** argv) { return butterfly::run_cli(argc, argv); }
