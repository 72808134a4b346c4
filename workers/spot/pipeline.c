/* SPDX-License-Identifier: ISC
 *
 * NAME      pipeline - what becomes of a spot between its feed and the log
 * PURPOSE   The row of stages, and what runs it.
 * OWNER     spot
 * CONTRACT  see pipeline.h
 * LIMITS    see pipeline.h
 */
#include "workers/spot/pipeline.h"

/* The age gate stands before the search for duplicates: a spot that is too old must not make the
 * next one, which is not, a duplicate. */
static const struct stage row[] = {
	{.name = "mode", .pass = stage_mode, .keep = stage_mode_keep},
	{.name = "flags", .pass = stage_flags},
	{"age", COUNT_SPOT_DROP_STALE, stage_age, stage_age_keep},
	{"duplicate of a machine", COUNT_SPOT_DROP_DUP, stage_machine, stage_machine_keep},
	{"duplicate of a person", COUNT_SPOT_DROP_TYPED, stage_typed, stage_typed_keep},
};

#define STAGES (sizeof(row) / sizeof(row[0]))

bool pipeline_init(struct pipeline *pipeline, const struct pipeline_rules *rules, uint64_t marks)
{
	if (marks > PIPELINE_MARKS)
		marks = PIPELINE_MARKS;
	*pipeline = (struct pipeline){.rules = *rules};
	if (window_init(&pipeline->machine, marks > 0 ? (uint32_t)marks : 1) &&
	    window_init(&pipeline->typed, PIPELINE_TYPED) &&
	    window_init(&pipeline->modes, PIPELINE_MODES))
		return true;
	pipeline_free(pipeline);
	return false;
}

void pipeline_free(struct pipeline *pipeline)
{
	window_free(&pipeline->machine);
	window_free(&pipeline->typed);
	window_free(&pipeline->modes);
}

void pipeline_rules(const struct conf *conf, struct pipeline_rules *rules_r)
{
	*rules_r = (struct pipeline_rules){
		.max_age = (uint64_t)conf_number(conf, CONF_SPOT_MAX_AGE),
		.max_age_human = (uint64_t)conf_number(conf, CONF_SPOT_MAX_AGE_HUMAN),
		.window = (uint64_t)conf_number(conf, CONF_SPOT_DEDUP_WINDOW),
		.human_window = (uint64_t)conf_number(conf, CONF_SPOT_DEDUP_HUMAN),
		.stronger = conf_bool(conf, CONF_SPOT_DEDUP_STRONGER),
	};
}

void pipeline_replay(struct pipeline *pipeline, const struct spot *spot)
{
	for (unsigned i = 0; i < STAGES; i++)
		if (row[i].keep != NULL)
			row[i].keep(pipeline, spot);
}

void pipeline_foresee(const struct pipeline *pipeline, const struct spot *spot, unsigned count)
{
	uint32_t mode[PIPELINE_FORESEEN], machine[PIPELINE_FORESEEN];

	for (unsigned i = 0; i < count; i++) {
		mode[i] = stage_mode_hash(pipeline, &spot[i]);
		machine[i] = stage_machine_hash(pipeline, &spot[i]);
		window_foresee_place(&pipeline->modes, mode[i]);
		window_foresee_place(&pipeline->machine, machine[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		window_foresee_mark(&pipeline->modes, mode[i]);
		window_foresee_mark(&pipeline->machine, machine[i]);
	}
}

const struct stage *pipeline_run(struct pipeline *pipeline, struct spot *spot)
{
	for (unsigned i = 0; i < STAGES; i++)
		if (row[i].pass != NULL && !row[i].pass(pipeline, spot))
			return &row[i];
	pipeline_replay(pipeline, spot);
	return NULL;
}

void pipeline_replay_typed(struct pipeline *pipeline, const struct spot *spot)
{
	struct window_key key;

	stage_typed_key(pipeline, spot, &key);
	if (window_find(&pipeline->typed, &key) == NULL)
		window_add_oldest(&pipeline->typed, &key, spot->hz, spot->arrived);
}

uint64_t pipeline_horizon(const struct pipeline *pipeline)
{
	return pipeline->rules.window > PIPELINE_MODE_NS ? pipeline->rules.window
							 : PIPELINE_MODE_NS;
}

uint64_t pipeline_horizon_typed(const struct pipeline *pipeline)
{
	return pipeline->rules.human_window;
}
