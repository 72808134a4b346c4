/* SPDX-License-Identifier: ISC
 *
 * NAME      proof - what a rehearsal says when it has passed
 * PURPOSE   The candidate's side of the rehearsal: looks at everything, keeps nothing.
 * OWNER     the candidate, as a child of the master
 * CONTRACT  see master/upgrade/rehearse.h; ends by _exit, for nothing of the master's may be torn
 *           down
 * LIMITS    none known
 */
#include "master/upgrade/proof.h"

#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/upgrade/rehearse.h"
#include "master/upgrade/twin.h"
#include "shm/fault.h"
#include "shm/role.h"

#define PROOF_WORD "shackd-rehearsal"
#define SUM_TEXT   (2 * HANDOVER_SUM + 1)

static void sum_text(const struct handover_info *info, char text_r[SUM_TEXT])
{
	sodium_bin2hex(text_r, SUM_TEXT, info->sum, sizeof(info->sum));
}

/* The next number of a line, which must follow a blank. */
static bool take_number(const char **at, unsigned *number_r)
{
	char *end;
	unsigned long number;

	if (**at != ' ' || (*at)[1] < '0' || (*at)[1] > '9')
		return false;
	number = strtoul(*at + 1, &end, 10);
	*at = end;
	*number_r = (unsigned)number;
	return number <= 1000000;
}

bool proof_read(const char *text, const struct handover_info *info, struct proof *proof_r)
{
	char expected[sizeof(PROOF_WORD) + SUM_TEXT + 8], sum[SUM_TEXT];
	const char *at = text;

	sum_text(info, sum);
	snprintf(expected, sizeof(expected), "%s %s", PROOF_WORD, sum);
	if (strncmp(at, expected, strlen(expected)) != 0)
		return false;
	at += strlen(expected);
	return take_number(&at, &proof_r->oldest) && take_number(&at, &proof_r->newest) &&
	       take_number(&at, &proof_r->edition) && strcmp(at, "\n") == 0;
}

bool proof_print(const struct handover_info *info, const struct proof *proof)
{
	char sum[SUM_TEXT];

	sum_text(info, sum);
	printf("%s %s %u %u %u\n", PROOF_WORD, sum, proof->oldest, proof->newest, proof->edition);
	return fflush(stdout) == 0;
}

/* ---- the candidate ---- */

/* A configuration file that this build refuses would keep the daemon from its next start. */
static bool read_file(const struct master *master)
{
	static struct problems problems;
	struct config *config = NULL;

	if (config_load(&config, master->request, &problems) == 0) {
		config_destroy(&config);
		return true;
	}
	problems_print(stderr, &problems);
	return false;
}

static bool look_at_stores(const struct master *master, struct proof *proof_r)
{
	const struct role_place place = {
		.shm_dir = config_text(master->config, CONF_SERVER_SHM_DIR),
		.state_dir = config_text(master->config, CONF_SERVER_STATE_DIR),
		.gate_voice = master->gate_fd[0],
		.gate_state = master->gate_fd[1],
		.uid = master->worker_uid,
		.gid = master->worker_gid,
	};
	char error[256];

	role_editions(&proof_r->oldest, &proof_r->newest);
	if (role_rehearse(&place, &proof_r->edition, error))
		return true;
	fprintf(stderr, "%s\n", error);
	return false;
}

static bool rehearse(int fd)
{
	static struct master master;
	struct record record;
	struct proof proof;
	char why[256];

	boot_init(&master);
	if (!record_open(&record, fd, why) ||
	    !record_inherit(&master, &record, RECORD_REHEARSE, why)) {
		fprintf(stderr, "%s\n", why);
		return false;
	}
	fault_point(FAULT_REHEARSE_INHERITED);
	if (!twin_runs(master.executable[KIND_NET])) {
		fprintf(stderr, "its %s does not run\n", TWIN_NAME);
		return false;
	}
	return read_file(&master) && look_at_stores(&master, &proof) &&
	       proof_print(&record.info, &proof);
}

int rehearse_main(const char *record)
{
	char *end;
	long fd = strtol(record, &end, 10);

	fault_point(FAULT_REHEARSE_BEGUN);
	if (fault_is("exit-in-rehearsal"))
		_exit(0);
	if (fault_is("crash-in-rehearsal"))
		abort();
	while (fault_is("hang-in-rehearsal"))
		pause();
	if (end == record || *end != '\0' || fd < 3 || fd > INT32_MAX) {
		fprintf(stderr, "%s is no descriptor\n", record);
		_exit(EXIT_USAGE);
	}
	_exit(rehearse((int)fd) ? 0 : EXIT_USAGE);
}
