// SPDX-License-Identifier: Apache-2.0
// A workload that does what most do: again and again it reads its service-account token and connects
// to its backend. TOKEN_PATH, BACKEND (ip:port) and INTERVAL (seconds) say how; failures are printed
// and survived. `server --once [ip:port]` does both once, as a person in an exec session would.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 5000

static const char *setting(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

static int read_token(const char *path)
{
	char token[8192];
	ssize_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		printf("token %s: %s\n", path, strerror(errno));
		return 1;
	}
	size = read(fd, token, sizeof(token));
	close(fd);
	printf("token %s: %zd bytes\n", path, size);
	return size <= 0;
}

static int connected(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof(error);

	if (poll(&ready, 1, CONNECT_TIMEOUT_MS) != 1)
		return ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static int call_backend(const char *backend)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(backend, ':');
	char ip[64];
	int fd, error;

	if (!colon || colon - backend >= (long)sizeof(ip)) {
		printf("backend '%s': not ip:port\n", backend);
		return 1;
	}
	memcpy(ip, backend, colon - backend);
	ip[colon - backend] = '\0';
	to.sin_port = htons(atoi(colon + 1));
	if (inet_pton(AF_INET, ip, &to.sin_addr) != 1) {
		printf("backend '%s': not ip:port\n", backend);
		return 1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	if (error == EINPROGRESS)
		error = connected(fd);
	close(fd);
	printf("backend %s: %s\n", backend, error ? strerror(error) : "connected");
	return error != 0;
}

int main(int argc, char **argv)
{
	const char *token = setting("TOKEN_PATH", "/var/run/secrets/kubernetes.io/serviceaccount/token");
	const char *backend = setting("BACKEND", "");
	int interval = atoi(setting("INTERVAL", "5"));

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && strcmp(argv[1], "--once") == 0) {
		int failed = read_token(token);

		backend = argc > 2 ? argv[2] : backend;
		return *backend ? call_backend(backend) || failed : failed;
	}
	for (;;) {
		read_token(token);
		if (*backend)
			call_backend(backend);
		sleep(interval > 0 ? interval : 1);
	}
}
