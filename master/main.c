/* SPDX-License-Identifier: ISC
 *
 * NAME      shackd - reflector and cluster daemon
 * PURPOSE   Finds out what this process is to be: a worker, a short answer, or the master.
 * OWNER     every process of this executable
 * CONTRACT  exit status: 0 stopped as asked, 1 bad usage or configuration, 2 could not start, 3
 *           gave up at run time
 * LIMITS    none known
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/boot.h"
#include "master/config.h"
#include "master/dump.h"
#include "master/flags.h"
#include "master/start/launch.h"
#include "master/master.h"
#include "master/upgrade/net.h"
#include "master/upgrade/rehearse.h"
#include "master/upgrade/takeover.h"
#include "master/version.h"
#include "shm/role.h"

/* 0, 1 and 2 must exist: what is opened instead would be written to by mistake. */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "shackd: can't write: %s\n", strerror(errno));
	return EXIT_START;
}

/* An absolute path; the daemon leaves the directory that it was started in. */
static char *absolute(const char *path)
{
	char *here, *result = NULL;

	if (path[0] == '/')
		return strdup(path);
	here = getcwd(NULL, 0);
	if (here == NULL || asprintf(&result, "%s/%s", here, path) < 0)
		result = NULL;
	free(here);
	return result;
}

static struct config *load(const struct config_request *request)
{
	static struct problems problems;
	struct config *config = NULL;

	if (config_load(&config, request, &problems) != 0)
		problems_print(stderr, &problems);
	return config;
}

static int serve(const struct flags *flags, const struct config_request *request,
		 struct config **config)
{
	char *pidfile = NULL;
	int launcher = -1, status;

	if (flags->pidfile != NULL && (pidfile = absolute(flags->pidfile)) == NULL) {
		fprintf(stderr, "shackd: %s: %s\n", flags->pidfile, strerror(errno));
		return EXIT_START;
	}
	if (!flags->foreground && (launcher = launch_detach()) < 0) {
		fprintf(stderr, "shackd: can't go into the background: %s\n", strerror(errno));
		free(pidfile);
		return EXIT_START;
	}
	status = boot_run(config, request, pidfile, launcher);
	free(pidfile);
	return status;
}

static int obey(const struct flags *flags)
{
	char *directory = getcwd(NULL, 0); /* the daemon leaves it, a reload starts there again */
	struct config_request request = {
		.file = flags->config,
		.set = flags->set,
		.sets = flags->sets,
		.foreground = flags->foreground,
		.directory = directory,
	};
	struct config *config;
	int status = 0;

	if (flags->help || flags->version || flags->version_line) {
		if (flags->help)
			flags_usage(stdout);
		else if (flags->version)
			version_print(stdout);
		else
			version_print_line(stdout);
		free(directory);
		return finish_output(0);
	}
	config = load(&request);
	if (config == NULL)
		status = EXIT_USAGE;
	else if (flags->dump)
		dump_config(stdout, config);
	if (flags->test && config != NULL)
		status = finish_output(0);
	else if (config != NULL)
		status = serve(flags, &request, &config);
	config_destroy(&config);
	free(directory);
	return status;
}

int main(int argc, char **argv)
{
	char error[FLAGS_ERROR_MAX];
	struct flags flags;
	int status;

	if (argc == ROLE_ARGS && strcmp(argv[1], ROLE_FLAG) == 0)
		return role_run(role_table, argv[2]);
	if (takeover_asked(argc, argv))
		return boot_adopt();
	if (argc == 3 && strcmp(argv[1], REHEARSE_FLAG) == 0)
		return rehearse_main(argv[2]);
	net_remember(argv);
	open_standard();
	if (flags_parse(argc, argv, &flags, error) != 0) {
		fprintf(stderr, "shackd: %s\n", error);
		flags_usage(stderr);
		status = EXIT_USAGE;
	} else {
		status = obey(&flags);
	}
	flags_destroy(&flags);
	return status;
}
