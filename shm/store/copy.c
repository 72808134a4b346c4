/* SPDX-License-Identifier: ISC
 *
 * NAME      copy - a consistent copy of a store that others go on using
 * PURPOSE   See copy.h.
 * OWNER     aide
 * CONTRACT  see copy.h. LMDB copies inside a read transaction; it takes none of its locks for that,
 *           as the plain copy would.
 * LIMITS    none known
 */
#include "shm/store/copy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "shm/store/inside.h"

enum store_error copy_store(const char *path, int fd, char error_r[256])
{
	MDB_env *env = NULL;
	int rc = mdb_env_create(&env);

	if (rc == 0)
		rc = mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, 0600);
	if (rc != 0) {
		store_say(error_r, "can't read %.160s: %s", path, mdb_strerror(rc));
	} else {
		rc = mdb_env_copyfd2(env, fd, MDB_CP_COMPACT);
		if (rc == 0 && fsync(fd) != 0)
			rc = errno;
		if (rc != 0)
			store_say(error_r, "can't write the copy: %s", mdb_strerror(rc));
	}
	if (env != NULL)
		mdb_env_close(env);
	if (rc == ENOSPC || rc == EDQUOT)
		return STORE_NO_SPACE;
	return rc == 0 ? STORE_OK : STORE_FAILED;
}

enum store_error copy_mark(const char *path, char error_r[256])
{
	struct store_config config = {.kind = STORE_STATE, .path = path, .slot = "aide"};
	enum store_error error;
	struct store *store;
	struct store_txn txn;

	config.gate_fd = gate_create("shackd-gate-aide");
	if (config.gate_fd < 0) {
		store_say(error_r, "no gate: %s", strerror(errno));
		return STORE_FAILED;
	}
	error = store_open(&store, &config, NULL, error_r);
	close(config.gate_fd);
	if (error != STORE_OK)
		return error;
	if (store_write(store, &txn) == STORE_OK)
		store_meta_put(&txn, META_RESTORED, 1);
	error = store_end(&txn);
	if (error != STORE_OK)
		store_say(error_r, "can't write %.160s: %s", path, store_error_text(error));
	store_close(&store);
	return error;
}
