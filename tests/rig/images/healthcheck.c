// SPDX-License-Identifier: Apache-2.0
// `healthcheck [FILE]`: ends with 0 if FILE exists; the kind of program that exec probes run.
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *file = argc > 1 ? argv[1] : "/app/server";

	if (access(file, F_OK) == 0)
		return 0;
	perror(file);
	return 1;
}
