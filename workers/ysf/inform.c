/* SPDX-License-Identifier: ISC
 *
 * NAME      inform - what gateways say of themselves
 * PURPOSE   Options (YSFO): a home to come back to. Information (YSFI): frequencies, place, type,
 *           kept for people to look at (YSF protocol).
 * OWNER     ysf workers
 * CONTRACT  no answers. What changes nothing costs no transaction.
 * LIMITS    a change of information in INFO_PERIOD seconds; what comes more often is not kept
 */
#include <string.h>

#include "shm/log.h"
#include "shm/store/infos.h"
#include "workers/ysf/ysf.h"

#define INFO_PERIOD 10 /* seconds from one change of a gateway's information to the next */
#define INFO_BURST  3

/* The first DG-ID of the list becomes home, once. What nails a gateway, and a home that it has, are
 * stronger. */
bool inform_options(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway)
{
	int dgid = ysf_options_dgid(in->data, in->length);

	if (!in->again)
		page_count(ysf->page, COUNT_YSF_OPTIONS);
	if (dgid <= 0 || !conf_dgid_in(&ysf->set.list, (unsigned)dgid) ||
	    gateway->flags & (CLIENT_STATIC | CLIENT_FIXED) || gateway->home_dgid != 0)
		return true;
	struct store_txn *txn = register_gather(ysf);
	if (txn == NULL)
		return false;
	if (clients_home(txn, &gateway->key, (uint8_t)dgid, ysf->set.home_time, REASON_OPTIONS) ==
	    STORE_OK)
		register_changed(ysf);
	register_flush(ysf);
	return true;
}

static void fill(struct info_record *record_r, const struct ysf_info *info)
{
	*record_r = (struct info_record){
		.version = RECORD_VERSION, .rx_hz = info->rx_hz, .tx_hz = info->tx_hz};
	memcpy(record_r->locator, info->locator, strlen(info->locator));
	memcpy(record_r->town, info->town, strlen(info->town));
	memcpy(record_r->type, info->type, strlen(info->type));
	memcpy(record_r->id, info->id, strlen(info->id));
}

/* Is that in the store already? */
static bool is_known(struct ysf *ysf, const struct gateway *gateway,
		     const struct info_record *record)
{
	struct info_record present;
	struct store_txn txn;

	if (store_read(ysf->voice, &txn) != STORE_OK)
		return false;
	bool known = infos_get(&txn, &gateway->key, &present) == STORE_OK &&
		     memcmp(&present, record, sizeof(present)) == 0;
	return store_end(&txn) == STORE_OK && known;
}

/* Each INFO_PERIOD brings a token. */
static bool may_change(struct ysf *ysf, struct gateway *gateway)
{
	if (bucket_take(&gateway->infos, ysf->now / INFO_PERIOD, 1, INFO_BURST))
		return true;
	page_count(ysf->page, COUNT_YSF_INFO_LIMITED);
	return false;
}

bool inform_info(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway)
{
	struct info_record record;
	struct ysf_info info;

	ysf_info_parse(in->data, in->length, &info);
	fill(&record, &info);
	if (!in->again) {
		page_count(ysf->page, COUNT_YSF_INFO);
		if (is_known(ysf, gateway, &record) || !may_change(ysf, gateway))
			return true;
	}
	struct store_txn *txn = register_gather(ysf);
	if (txn == NULL)
		return false;
	if (infos_put(txn, &gateway->key, &record) == STORE_OK)
		log_limited(LOG_LEVEL_INFO,
			    "gateway %s: type %s, %s, %s, RX %u Hz, TX %u Hz, id %s", gateway->name,
			    info.type, info.locator, info.town, info.rx_hz, info.tx_hz, info.id);
	register_flush(ysf);
	return true;
}
