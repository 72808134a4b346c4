/* SPDX-License-Identifier: ISC
 *
 * NAME      pipeline - what becomes of a spot between its feed and the log
 * PURPOSE   A row of stages of one shape; a spot that passes all of them is kept.
 * OWNER     spot
 * CONTRACT  no store, no clock, no log: a spot brings its moments with it, so that the same spots in
 *           the same order always meet the same fate. Nothing but spots that were kept changes what
 *           the stages know; so whoever shows the kept ones to a new pipeline, in their order, has
 *           the old one again. That is how a successor gets its windows back.
 * LIMITS    see pipeline_init
 */
#ifndef SHACKD_WORKERS_SPOT_PIPELINE_H
#define SHACKD_WORKERS_SPOT_PIPELINE_H

#include "shm/conf.h"
#include "shm/page.h"
#include "shm/spot.h"
#include "workers/spot/window.h"

#define PIPELINE_MODES	  50000	  /* marks of modes */
#define PIPELINE_TYPED	  100000  /* marks of spots that people typed */
#define PIPELINE_MARKS	  1000000 /* bound of the marks of machines, whatever limits.spots says */
#define PIPELINE_FORESEEN 16
#define PIPELINE_RAISE	  6 /* dB that make a duplicate worth a second line */
#define PIPELINE_MODE_NS  (300 * UINT64_C(1000000000))

/* Nanoseconds, but for the switch. */
struct pipeline_rules {
	uint64_t max_age, max_age_human;
	uint64_t window, human_window; /* 0: nothing is a duplicate */
	bool stronger;
};

struct pipeline {
	struct pipeline_rules rules;
	struct window machine, typed, modes;
	/* the real clock less the monotonic one, of the latest kept spots, and before it last jumped */
	int64_t offset, offset_before;
	bool offset_known, jumped;
};

struct stage {
	const char *name;
	enum page_counter dropped; /* counts what it stops */
	/* May the spot go on? May complete it; changes nothing else. NULL: yes. */
	bool (*pass)(const struct pipeline *pipeline, struct spot *spot);
	/* The spot passed all stages: what is to be remembered of it. May be NULL. */
	void (*keep)(struct pipeline *pipeline, const struct spot *spot);
};

/* MARKS: of machines' spots; more than the log has spots would be forgotten with a kill. False: no
 * memory. */
bool pipeline_init(struct pipeline *pipeline, const struct pipeline_rules *rules, uint64_t marks);
void pipeline_free(struct pipeline *pipeline);

void pipeline_rules(const struct conf *conf, struct pipeline_rules *rules_r);

/* Runs the row. NULL: the spot is kept. Else the stage that stopped it. */
const struct stage *pipeline_run(struct pipeline *pipeline, struct spot *spot);

/* Asks the memory for what the stages will need of spots that come next, PIPELINE_FORESEEN at most. */
void pipeline_foresee(const struct pipeline *pipeline, const struct spot *spot, unsigned count);

/* A spot that was kept before our time; oldest first. */
void pipeline_replay(struct pipeline *pipeline, const struct spot *spot);

/* One that people typed, from before all that the pipeline knows; newest first. */
void pipeline_replay_typed(struct pipeline *pipeline, const struct spot *spot);

/* How far back a spot may lie and still matter: of machines, and of people. */
uint64_t pipeline_horizon(const struct pipeline *pipeline);
uint64_t pipeline_horizon_typed(const struct pipeline *pipeline);

/* ---- the stages, in their order ---- */

uint32_t stage_mode_hash(const struct pipeline *pipeline, const struct spot *spot);
bool stage_mode(const struct pipeline *pipeline, struct spot *spot);
void stage_mode_keep(struct pipeline *pipeline, const struct spot *spot);
bool stage_flags(const struct pipeline *pipeline, struct spot *spot);
bool stage_age(const struct pipeline *pipeline, struct spot *spot);
void stage_age_keep(struct pipeline *pipeline, const struct spot *spot);
uint32_t stage_machine_hash(const struct pipeline *pipeline, const struct spot *spot);
bool stage_machine(const struct pipeline *pipeline, struct spot *spot);
void stage_machine_keep(struct pipeline *pipeline, const struct spot *spot);
bool stage_typed(const struct pipeline *pipeline, struct spot *spot);
void stage_typed_keep(struct pipeline *pipeline, const struct spot *spot);
void stage_typed_key(const struct pipeline *pipeline, const struct spot *spot,
		     struct window_key *key_r);

/* As it was reported: what later stages correct must not move a spot in the windows. */
static inline const char *spot_heard_dx(const struct spot *spot)
{
	return spot->dx_raw[0] != '\0' ? spot->dx_raw : spot->dx;
}

static inline uint64_t spot_heard_hz(const struct spot *spot)
{
	return spot->raw_hz != 0 ? spot->raw_hz : spot->hz;
}

#endif
